"""Celery's doors into durable work."""

import uuid

from celery import shared_task

from market.outbox import services


@shared_task(name=services.PERFORM_TASK, ignore_result=True)
def perform(job_id: str) -> None:
    """Do one job, if it is still due and unclaimed."""
    services.perform(uuid.UUID(job_id))
