"""What orders do for lower rooms' jobs."""

from market.ledger import jobs
from market.orders import services
from market.outbox.models import Job
from market.outbox.registry import Handler, register


def pay_waiting(job: Job) -> None:
    """Money came in: the buyer's waiting orders go on as far as it reaches."""
    services.pay_waiting(buyer_org_id=job.subject_id)


register(jobs.DEPOSITED, Handler(perform=pay_waiting))
