"""Celery's doors into what happens to the catalogue by itself. Twice at once does no harm."""

from celery import shared_task

from market.catalog import services


@shared_task(name="catalog.expire_purpose_approvals", ignore_result=True)
def expire_purpose_approvals() -> None:
    """Close the approvals of a purpose whose time is over."""
    services.expire_purpose_approvals()


@shared_task(name="catalog.remove_stray_files", ignore_result=True)
def remove_stray_files() -> None:
    """Remove stored files that belong to no asset."""
    services.remove_stray_files()


BEAT_SCHEDULE = {
    "catalog.expire_purpose_approvals": {"task": "catalog.expire_purpose_approvals", "schedule": 300.0},
    "catalog.remove_stray_files": {"task": "catalog.remove_stray_files", "schedule": 24 * 3600.0},
}
