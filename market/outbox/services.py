"""Durable work: record a job in the act's transaction, hint the broker after the commit, own it by lease and fence.

Redis carries hints only. If a hint is lost, the sweeper on every worker sends another; if it comes twice, the
second finds the job claimed and drops it.
"""

import datetime
import functools
import uuid
from collections.abc import Iterable

import structlog
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from kombu.exceptions import OperationalError

from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import move_state
from market.outbox.errors import Hopeless, LeaseLost
from market.outbox.models import Job
from market.outbox.registry import Handler, handler_of
from market.outbox.states import JOB_MOVES, JobState

logger = structlog.get_logger(__name__)

PERFORM_TASK = "outbox.perform"
MAX_BACKOFF = datetime.timedelta(hours=1)
HINT_GRACE = datetime.timedelta(seconds=2)


def job(kind: str, *, key: str, subject_id: uuid.UUID, due_at: datetime.datetime | None = None) -> Job:
    """An unsaved job; the caller inserts it in the open transaction, whose commit sends the hint.

    ``key`` makes it unique within its kind; ``due_at`` postpones it (the sweeper then finds it).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a job is recorded in the transaction of the act that causes it")
    new_job = Job(kind=kind, key=key, subject_id=subject_id, due_at=due_at or clock.now())
    if due_at is None:
        transaction.on_commit(functools.partial(hint, [new_job.id]))
    return new_job


def hint(job_ids: Iterable[uuid.UUID]) -> None:
    """Tell the workers that jobs are due. Best effort: a dead broker delays the work, it never loses it."""
    try:
        for job_id in job_ids:
            current_app.send_task(PERFORM_TASK, args=[str(job_id)])
    except OperationalError as error:
        logger.warning("outbox.hint_failed", error=str(error))


def sweep(limit: int = 500) -> int:
    """Hint again whatever is due or has an expired lease; returns how many. Any number of sweepers may run."""
    now = clock.now()
    stale = now - datetime.timedelta(seconds=settings.OUTBOX_REHINT_SECONDS)
    due = Q(state=JobState.PENDING, due_at__lte=now - HINT_GRACE) | Q(state=JobState.RUNNING, lease_until__lt=now)
    with transaction.atomic():
        found = list(
            Job.objects.filter(due)
            .filter(Q(hinted_at=None) | Q(hinted_at__lt=stale))
            .order_by("due_at")
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("id", flat=True)[:limit]
        )
        Job.objects.filter(id__in=found).update(hinted_at=now)
    hint(found)
    return len(found)


def perform(job_id: uuid.UUID) -> None:
    """Claim the job and do it. Nothing happens when somebody else has it, or when it is not due."""
    claimed = claim(job_id)
    if claimed is None:
        return
    try:
        handler = handler_of(claimed.kind)
    except KeyError:
        bury(claimed, None, f"no handler is registered for {claimed.kind}")
        return
    if claimed.attempts > handler.max_attempts:
        bury(claimed, handler, claimed.last_error or "its worker died at every attempt")
        return
    with structlog.contextvars.bound_contextvars(job_id=str(claimed.id), job_kind=claimed.kind):
        _attempt(claimed, handler)


def _attempt(claimed: Job, handler: Handler) -> None:
    try:
        if handler.is_long:
            handler.perform(claimed)
        else:
            with transaction.atomic():
                handler.perform(claimed)
                finish(claimed)
    except LeaseLost:
        logger.warning("outbox.lease_lost")
    except Hopeless as error:
        bury(claimed, handler, str(error))
    except Exception as error:  # a handler may fail in any way: the failure is recorded, and retried or buried
        logger.exception("outbox.attempt_failed", attempt=claimed.attempts)
        if claimed.attempts >= handler.max_attempts:
            bury(claimed, handler, f"{type(error).__name__}: {error}")
        else:
            _postpone(claimed, handler, error)


def claim(job_id: uuid.UUID) -> Job | None:
    """Become the owner of a due job (or of one whose lease ran out) by a conditional UPDATE, or get None."""
    now = clock.now()
    rows = Job.objects.raw(
        """
        UPDATE outbox_job
           SET state = 'running', fence = fence + 1, attempts = attempts + 1, lease_until = %s
         WHERE id = %s AND ((state = 'pending' AND due_at <= %s) OR (state = 'running' AND lease_until < %s))
     RETURNING *
        """,
        [_lease_end(), job_id, now, now],
    )
    return next(iter(rows), None)


def _owned(claimed: Job):
    return Job.objects.filter(id=claimed.id, state=JobState.RUNNING, fence=claimed.fence)


def renew(claimed: Job) -> None:
    """Extend the lease during long work, by ``OUTBOX_LEASE_SECONDS`` from now. Raises ``LeaseLost`` if too late."""
    if not _owned(claimed).update(lease_until=_lease_end()):
        raise LeaseLost


def _lease_end() -> datetime.datetime:
    return clock.now() + datetime.timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)


def finish(claimed: Job) -> None:
    """Mark the job done, in the transaction that holds its effect. Raises ``LeaseLost``, so that effect rolls back."""
    if not _owned(claimed).update(state=JobState.DONE, finished_at=clock.now(), last_error=""):
        raise LeaseLost


def bury(claimed: Job, handler: Handler | None, reason: str) -> None:
    """End the job as a dead letter that an operator sees, and let its room react in the same transaction."""
    with transaction.atomic():
        if not _owned(claimed).update(state=JobState.DEAD, last_error=reason[:2000]):
            return
        if handler is not None and handler.give_up is not None:
            claimed.last_error = reason
            handler.give_up(claimed)
    logger.error("outbox.dead_letter", kind=claimed.kind, job_id=str(claimed.id), reason=reason)


def _postpone(claimed: Job, handler: Handler, error: Exception) -> None:
    delay = min(handler.backoff * 2 ** (claimed.attempts - 1), MAX_BACKOFF)
    _owned(claimed).update(
        state=JobState.PENDING,
        due_at=clock.now() + delay,
        hinted_at=None,
        last_error=f"{type(error).__name__}: {error}"[:2000],
    )


def retry(*, actor: Actor, job_id: uuid.UUID) -> None:
    """An operator sends a dead letter back to work with its attempts counted anew."""
    actor.require_role("operator")
    with transaction.atomic():
        move_state(
            Job.objects.filter(id=job_id, state=JobState.DEAD),
            JOB_MOVES,
            JobState.PENDING,
            attempts=0,
            due_at=clock.now(),
            hinted_at=None,
            lease_until=None,
        )
        transaction.on_commit(functools.partial(hint, [job_id]))
