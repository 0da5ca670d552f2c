"""What delivery does for orders' jobs."""

from market.delivery import services
from market.orders import jobs
from market.outbox.models import Job
from market.outbox.registry import Handler, register


def revoke(job: Job) -> None:
    """A delivered order was refunded: its buyer may no longer receive it."""
    services.revoke_refunded(order_id=job.subject_id)


def testify(job: Job) -> None:
    """An order was disputed: what was really sent is evidence."""
    services.testify(order_id=job.subject_id)


register(jobs.DELIVER, Handler(perform=services.hand_over, is_long=True, give_up=services.give_up))
register(jobs.DISPUTED, Handler(perform=testify))
register(jobs.REVOKE, Handler(perform=revoke))
