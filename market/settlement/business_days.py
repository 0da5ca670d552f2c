"""Business days of Mainland China: weekends, public holidays, and the weekends worked in exchange (调休). Pure.

The State Council announces a year's exchanged days late in the year before; until the pinned ``holidays`` package
knows them, that year has its statutory holidays and plain weekends only.
"""

import datetime
import functools

import holidays

ONE_DAY = datetime.timedelta(days=1)


@functools.cache
def _calendar(year: int) -> holidays.HolidayBase:
    return holidays.China(years=year)


def is_business_day(day: datetime.date) -> bool:
    """Whether banks and the exchange work on ``day``."""
    return _calendar(day.year).is_working_day(day)


def cutoff_day(today: datetime.date, days: int) -> datetime.date:
    """The day whose first moment bounds what is due ``today`` under T+``days`` business days (>= 1).

    What was captured on day T is due on the ``days``-th business day after T. So everything captured before the
    ``days``-th latest business day, today included, is due by now.

    Raises ``ValueError`` for fewer than one day.
    """
    if days < 1:
        raise ValueError("settlement needs at least one business day")
    day = today
    while True:
        days -= is_business_day(day)
        if days == 0:
            return day
        day -= ONE_DAY
