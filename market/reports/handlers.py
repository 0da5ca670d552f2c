"""Outbox handlers: thin doors into services."""

import datetime

from market.outbox.models import Job
from market.outbox.registry import Handler, register
from market.reports import services
from market.reports.jobs import EXPORT


def give_up(job: Job) -> None:
    """The export's job is a dead letter: tell whoever asked."""
    services.fail(report_id=job.subject_id, reason=job.last_error)


register(
    EXPORT,
    Handler(
        perform=services.write,
        is_long=True,
        max_attempts=3,
        backoff=datetime.timedelta(seconds=5),
        give_up=give_up,
    ),
)
