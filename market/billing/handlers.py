"""What billing does for orders' jobs, by the price model of what was ordered."""

from market.billing import services
from market.catalog.states import PriceModel
from market.kernel.actors import SYSTEM
from market.orders import jobs
from market.orders.selectors import order_visible_to
from market.outbox.models import Job
from market.outbox.registry import Handler, register


def begin(job: Job) -> None:
    """An order that runs was accepted. Asked again, it finds the contract begun."""
    order = order_visible_to(SYSTEM, job.subject_id)
    if order.offer.price_model == PriceModel.METERED:
        services.begin_meter(order_id=order.id)
    else:
        services.begin_subscription(order_id=order.id)


def end(job: Job) -> None:
    """Both sides agreed on an early end, on the day that stands in the order. A later one replaces an earlier one.

    Raises ``LookupError``, or ``NotMetered``, when the contract has not begun yet: its beginning is on its way, so this
    is tried again.
    """
    order = order_visible_to(SYSTEM, job.subject_id)
    if order.offer.price_model == PriceModel.METERED:
        services.end_meter_early(order_id=order.id, ends_on=order.ends_on)
    elif services.terminate_subscription(order_id=order.id, leaves_on=order.ends_on) is None:
        raise LookupError("the contract has not begun yet")


register(jobs.BEGIN, Handler(perform=begin))
register(jobs.END, Handler(perform=end))
