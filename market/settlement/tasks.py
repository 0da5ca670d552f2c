"""Celery's doors into settlement."""

from celery import shared_task
from celery.schedules import crontab

from market.settlement import services


@shared_task(name="settlement.ask_for_run", ignore_result=True)
def ask_for_run() -> None:
    """See to it that there is a job for the cutoff that is due."""
    services.ask_for_run()


@shared_task(name="settlement.ask_for_close", ignore_result=True)
def ask_for_close() -> None:
    """See to it that there is a job that closes yesterday, and every day that was missed."""
    services.ask_for_close()


# Hourly although one job a day is made: a beat that slept through the night still closes and settles in the morning.
# The close is asked for first: where it is done by a quarter past, drift stops that day's payments. A run does not wait
# for a close that takes longer; by then captures begun before midnight have ended, too.
BEAT_SCHEDULE = {
    "settlement.ask_for_close": {"task": "settlement.ask_for_close", "schedule": crontab(minute=5)},
    "settlement.ask_for_run": {"task": "settlement.ask_for_run", "schedule": crontab(minute=15)},
}
