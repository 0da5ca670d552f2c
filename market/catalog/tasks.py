"""Celery's door into what happens to the catalogue by itself. Twice at once does no harm."""

from celery import shared_task

from market.catalog import services


@shared_task(name="catalog.expire_purpose_approvals", ignore_result=True)
def expire_purpose_approvals() -> None:
    """Close the approvals of a purpose whose time is over."""
    services.expire_purpose_approvals()


BEAT_SCHEDULE = {
    "catalog.expire_purpose_approvals": {"task": "catalog.expire_purpose_approvals", "schedule": 300.0},
}
