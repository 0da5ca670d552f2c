"""What accounts do for jobs of their own."""

from accounts import jobs, services
from market.outbox.models import Job
from market.outbox.registry import Handler, register


def change_bank_account(job: Job) -> None:
    """Pay the vendor to the account that has cooled; asked again, or after a withdrawal, it finds nothing to do."""
    services.put_bank_account_in_force(change_id=job.subject_id)


register(jobs.CHANGE_BANK_ACCOUNT, Handler(perform=change_bank_account))
