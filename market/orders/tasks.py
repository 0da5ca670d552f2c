"""Celery's doors into what happens to orders by itself. Twice at once does no harm."""

from celery import shared_task

from market.orders import services


@shared_task(name="orders.accept_overdue", ignore_result=True)
def accept_overdue() -> None:
    """Accept what the buyer neither accepted nor disputed in time."""
    services.accept_overdue()


@shared_task(name="orders.close_unanswered", ignore_result=True)
def close_unanswered() -> None:
    """Hand disputes that the vendor did not answer in time to the operator."""
    services.close_unanswered()


@shared_task(name="orders.escalate_undecided", ignore_result=True)
def escalate_undecided() -> None:
    """Put on record which disputes the operator did not decide in time."""
    services.escalate_undecided()


@shared_task(name="orders.refund_overdue_failures", ignore_result=True)
def refund_overdue_failures() -> None:
    """Refund failed orders that no operator sent back to delivery in time."""
    services.refund_overdue_failures()


@shared_task(name="orders.wake_waiting", ignore_result=True)
def wake_waiting() -> None:
    """Close what waited too long, then pay what money from elsewhere than a deposit has reached."""
    services.expire_waiting()
    services.wake_waiting()


@shared_task(name="orders.expire_amendments", ignore_result=True)
def expire_amendments() -> None:
    """Close proposed changes of contracts that nobody answered in time."""
    services.expire_amendments()


BEAT_SCHEDULE = {
    "orders.expire_amendments": {"task": "orders.expire_amendments", "schedule": 300.0},
    "orders.accept_overdue": {"task": "orders.accept_overdue", "schedule": 60.0},
    "orders.close_unanswered": {"task": "orders.close_unanswered", "schedule": 60.0},
    "orders.escalate_undecided": {"task": "orders.escalate_undecided", "schedule": 300.0},
    "orders.refund_overdue_failures": {"task": "orders.refund_overdue_failures", "schedule": 300.0},
    "orders.wake_waiting": {"task": "orders.wake_waiting", "schedule": 60.0},
}
