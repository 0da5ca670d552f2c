"""The one clock. Rooms ask it for the time; tests move it."""

import contextlib
import contextvars
import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")
"""Business days begin and end at midnight here."""

_frozen: contextvars.ContextVar[datetime.datetime | None] = contextvars.ContextVar("frozen_clock", default=None)


def now() -> datetime.datetime:
    """The current moment, aware, in UTC."""
    return _frozen.get() or datetime.datetime.now(datetime.UTC)


def business_date(moment: datetime.datetime | None = None) -> datetime.date:
    """The calendar day in Asia/Shanghai of ``moment`` (now by default)."""
    return (moment or now()).astimezone(BUSINESS_ZONE).date()


def business_midnight(day: datetime.date) -> datetime.datetime:
    """The first moment of ``day`` in Asia/Shanghai, as UTC."""
    return datetime.datetime.combine(day, datetime.time.min, BUSINESS_ZONE).astimezone(datetime.UTC)


@contextlib.contextmanager
def frozen_at(moment: datetime.datetime) -> Iterator[None]:
    """Make ``now()`` answer ``moment`` (aware) inside the block, in this thread or task only."""
    token = _frozen.set(moment.astimezone(datetime.UTC))
    try:
        yield
    finally:
        _frozen.reset(token)
