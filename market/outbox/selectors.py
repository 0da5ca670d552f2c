"""Reads of the work: for operators and the command line."""

from typing import Any

from django.db.models import Count, Min, QuerySet

from market.kernel import clock
from market.outbox.models import Job
from market.outbox.states import JobState


def counts() -> QuerySet[Job, dict[str, Any]]:
    """One row a kind and state: ``kind``, ``state``, ``jobs`` and ``oldest`` (the earliest due time)."""
    return (
        Job.objects.values("kind", "state").annotate(jobs=Count("id"), oldest=Min("due_at")).order_by("kind", "state")
    )


def overdue() -> int:
    """How many jobs are due and unclaimed, or were left behind by a worker that died."""
    now = clock.now()
    waiting = Job.objects.filter(state=JobState.PENDING, due_at__lte=now).count()
    return waiting + Job.objects.filter(state=JobState.RUNNING, lease_until__lt=now).count()
