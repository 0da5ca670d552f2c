"""From one business day to another. Pure."""

import calendar
import dataclasses
import datetime
import re

from market.kernel import clock

FIRST_YEAR, LAST_YEAR = 1992, 9998
"""Asia/Shanghai has had one offset since 1992, and a day after the last must exist."""

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Period:
    """Business days in Asia/Shanghai, ``first`` and ``last`` included."""

    first: datetime.date
    last: datetime.date

    @property
    def begins(self) -> datetime.datetime:
        """The first moment, UTC."""
        return clock.business_midnight(self.first)

    @property
    def ends(self) -> datetime.datetime:
        """The moment after the last, UTC."""
        return clock.business_midnight(self.last + datetime.timedelta(days=1))

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def is_over(self) -> bool:
        """Whether nothing can be posted in it any more."""
        return self.ends <= clock.now()

    @property
    def is_month(self) -> bool:
        """Whether it is exactly one calendar month."""
        return self == month_of(self.first)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first} – {self.last}"


def month_of(day: datetime.date) -> Period:
    """The calendar month that ``day`` is in."""
    return Period(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def month(text: str) -> Period:
    """``2026-11`` as a period. Raises ``ValueError`` for anything else, and for years nobody trades in."""
    match = _MONTH.fullmatch(text)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        raise ValueError(f"{text!r} is not a month such as 2026-11")
    return month_of(datetime.date(int(match[1]), int(match[2]), 1))
