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


register(jobs.BEGIN, Handler(perform=begin))
