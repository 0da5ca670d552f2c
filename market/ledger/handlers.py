"""What the ledger does for lower rooms' jobs."""

from accounts import jobs
from accounts import selectors as accounts
from market.ledger import services
from market.outbox.models import Job
from market.outbox.registry import Handler, register


def open_accounts(job: Job) -> None:
    """Open the accounts that the organisation's capacities call for; those that exist stay."""
    services.open_accounts(organizations=[accounts.organization(job.subject_id)])


register(jobs.OPEN_ACCOUNTS, Handler(perform=open_accounts))
