"""Celery's doors into durable work."""

import uuid

from celery import shared_task

from market.outbox import services
from market.outbox.hints import PERFORM_TASK


@shared_task(name=PERFORM_TASK, ignore_result=True)
def perform(job_id: str) -> None:
    """Do one job, if it is still due and unclaimed."""
    services.perform(uuid.UUID(job_id))
