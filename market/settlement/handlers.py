"""What settlement does for jobs, lower rooms' and its own."""

import functools

from market.kernel.actors import SYSTEM
from market.orders import jobs as orders
from market.outbox.models import Job
from market.outbox.registry import Handler, register
from market.outbox.services import finish, renew
from market.settlement import jobs, services
from market.settlement.selectors import vendors_of_charges


def capture(job: Job) -> None:
    """Divide the charge's money; what the vendor owes is repaid out of it. Asked again, it finds the work done."""
    services.capture_many(charge_ids=[job.subject_id])
    services.repay_receivables(vendor_ids=vendors_of_charges([job.subject_id]))


def run(job: Job) -> None:
    """Settle a day. Each slice of vendors commits by itself, so a lost lease loses no work: the next finds the rest."""
    services.perform_run(job.key, heartbeat=functools.partial(renew, job))
    finish(job)


def close(job: Job) -> None:
    """Close the books. In the transaction that keeps the report the job is nobody else's."""
    services.perform_close(job.key, in_transaction=functools.partial(renew, job))
    finish(job)


def check(job: Job) -> None:
    """Look at the books and keep what is found."""
    services.check_books(actor=SYSTEM, in_transaction=functools.partial(finish, job))


register(orders.CAPTURE, Handler(perform=capture))
register(jobs.RUN, Handler(perform=run, is_long=True))
register(jobs.CLOSE, Handler(perform=close, is_long=True))
register(jobs.CHECK, Handler(perform=check, is_long=True))
