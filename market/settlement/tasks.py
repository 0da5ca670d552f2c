"""Celery's doors into settlement."""

from celery import shared_task
from celery.schedules import crontab

from market.settlement import services


@shared_task(name="settlement.ask_for_run", ignore_result=True)
def ask_for_run() -> None:
    """See to it that there is a job for the cutoff that is due."""
    services.ask_for_run()


# Hourly although one job a day is made: a beat that slept through the night still settles in the morning. A quarter
# past, so that captures begun before midnight have ended.
BEAT_SCHEDULE = {"settlement.ask_for_run": {"task": "settlement.ask_for_run", "schedule": crontab(minute=15)}}
