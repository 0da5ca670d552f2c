"""Celery's doors into what happens to running contracts by itself. Twice at once does no harm."""

from celery import shared_task

from market.billing import services


@shared_task(name="billing.run_subscriptions", ignore_result=True)
def run_subscriptions() -> None:
    """Everything that is due today: instalments in, months charged, late ones suspended or ended, notices, renewals."""
    services.collect_due()
    services.charge_months()
    services.suspend_late()
    services.end_lapsed()
    services.give_notice()
    services.end_terms()


@shared_task(name="billing.close_months", ignore_result=True)
def close_months() -> None:
    """Make the statements of metered use whose month, or contract, is over."""
    services.close_due()


BEAT_SCHEDULE = {
    "billing.run_subscriptions": {"task": "billing.run_subscriptions", "schedule": 60.0},
    "billing.close_months": {"task": "billing.close_months", "schedule": 60.0},
}
