"""When a meter's month, and its contract, are closed. Pure but for the setting; no I/O."""

import datetime

from django.conf import settings

from market.billing.models import Meter
from market.catalog.pricing import add_months
from market.kernel import clock


def month_end(meter: Meter) -> datetime.datetime:
    """The first moment after the open month, in the business zone."""
    return clock.business_midnight(add_months(meter.month, 1))


def last_close(meter: Meter) -> datetime.datetime:
    """When the contract's last statement is made: use is over, and the time for late records too.

    A contract that was accepted only after its end has that time from the acceptance on.
    """
    return max(meter.ends_at, meter.began_at) + datetime.timedelta(days=settings.USAGE_LATE_DAYS)


def set_next_close(meter: Meter) -> None:
    """Set ``closes_at`` to the end of the open month or, when that comes first, of the contract."""
    meter.closes_at = min(month_end(meter), last_close(meter))


def closes_for_good(meter: Meter) -> bool:
    """Whether the statement at ``closes_at`` is the last one."""
    return meter.closes_at == last_close(meter)
