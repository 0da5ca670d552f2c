"""Celery's door into what happens to quotes by itself. Twice at once does no harm."""

from celery import shared_task

from market.negotiation import services


@shared_task(name="negotiation.expire_overdue", ignore_result=True)
def expire_overdue() -> None:
    """End the quotes whose time has run out."""
    services.expire_overdue()


BEAT_SCHEDULE = {"negotiation.expire_overdue": {"task": "negotiation.expire_overdue", "schedule": 60.0}}
