"""What billing does for orders' jobs, by the price model of what was ordered."""

from market.billing import services
from market.orders import jobs
from market.outbox.models import Job
from market.outbox.registry import Handler, register


def begin(job: Job) -> None:
    """An order that runs was accepted."""
    services.begin_subscription(order_id=job.subject_id)


register(jobs.BEGIN, Handler(perform=begin))
