"""Durable work: record a job in the act's transaction, hint the broker after the commit, own it by lease and fence.

Redis carries hints only. If a hint is lost, the sweeper on every worker sends another; if it comes twice, the
second finds the job claimed and drops it. The guarantees and their limits are in docs/outbox.md.
"""

import datetime
import functools
import uuid
from collections.abc import Iterable

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, new_row
from market.kernel.errors import BusinessError, IllegalTransition, NotFound
from market.kernel.locks import lock_in_order
from market.outbox.errors import Hopeless, LeaseLost
from market.outbox.hints import hint, room_in_queue
from market.outbox.models import Job
from market.outbox.registry import Handler, handler_of
from market.outbox.states import JobState

logger = structlog.get_logger(__name__)

MAX_BACKOFF = datetime.timedelta(hours=1)
MAX_ERROR_LENGTH = 2000
HINT_GRACE = datetime.timedelta(seconds=2)
SWEEP_LIMIT = 1_000


def job(kind: str, *, key: str, subject_id: uuid.UUID, due_at: datetime.datetime | None = None) -> Job:
    """An unsaved job; the caller inserts it in the open transaction, whose commit sends the hint.

    ``key`` makes it unique within its kind; ``due_at`` postpones it (the sweeper then finds it).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a job is recorded in the transaction of the act that causes it")
    new_job = draft(kind, key=key, subject_id=subject_id, due_at=due_at)
    if due_at is None:
        transaction.on_commit(functools.partial(hint, [new_job.id]))
    return new_job


def draft(kind: str, *, key: str, subject_id: uuid.UUID, due_at: datetime.datetime | None = None) -> Job:
    """``job`` for who inserts it by a statement that may be a transaction of its own: ``announce`` it afterwards."""
    return new_row(Job, kind=kind, key=key, subject_id=subject_id, due_at=due_at or clock.now())


def announce(rows: Iterable[Model]) -> None:
    """Let the commit hint whatever jobs are among ``rows``, or hint them now where there is no open transaction."""
    due = [row.id for row in rows if isinstance(row, Job)]
    if due and connection.in_atomic_block:
        transaction.on_commit(functools.partial(hint, due))
    elif due:
        hint(due)


def sweep(limit: int = SWEEP_LIMIT) -> int:
    """Hint again whatever is due or has an expired lease; returns how many. Any number of sweepers may run.

    Adds nothing to a queue that is deep already: a long backlog waits in PostgreSQL, oldest first, not in Redis.
    """
    limit = min(limit, room_in_queue())
    if not limit:
        return 0
    found = _take_unhinted(limit)
    hint(found)
    return len(found)


def _take_unhinted(limit: int) -> list[uuid.UUID]:
    """Mark jobs as hinted now, in one statement; two sweepers skip each other's rows."""
    now = clock.now()
    parameters = {
        "now": now,
        "due": now - HINT_GRACE,
        "stale": now - datetime.timedelta(seconds=settings.OUTBOX_REHINT_SECONDS),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH orphaned AS MATERIALIZED (
                SELECT id FROM outbox_job
                 WHERE state = 'running' AND lease_until < %(now)s
                   AND (hinted_at IS NULL OR hinted_at < %(stale)s)
                 ORDER BY lease_until LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
            ), waiting AS MATERIALIZED (
                SELECT id FROM outbox_job
                 WHERE state = 'pending' AND due_at <= %(due)s
                   AND (hinted_at IS NULL OR hinted_at < %(stale)s)
                 ORDER BY due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE outbox_job AS job SET hinted_at = %(now)s
              FROM (SELECT id FROM orphaned UNION ALL SELECT id FROM waiting LIMIT %(limit)s) AS found
             WHERE job.id = found.id
         RETURNING job.id
            """,
            parameters,
        )
        return [job_id for (job_id,) in cursor.fetchall()]


def perform(job_id: uuid.UUID) -> None:
    """Claim the job and do it. Nothing happens when somebody else has it, or when it is not due."""
    claimed = claim(job_id)
    if claimed is None:
        return
    handler = handler_of(claimed.kind)
    with structlog.contextvars.bound_contextvars(job_id=str(claimed.id), job_kind=claimed.kind):
        if claimed.attempts > handler.max_attempts:
            bury(claimed, handler, claimed.last_error or "its worker died at every attempt")
        else:
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
        reason = f"{type(error).__name__}: {error}"
        if claimed.attempts >= handler.max_attempts:
            bury(claimed, handler, reason)
        else:
            _postpone(claimed, handler, reason)


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


def _owned(claimed: Job) -> QuerySet[Job]:
    return Job.objects.filter(id=claimed.id, state=JobState.RUNNING, fence=claimed.fence)


def renew(claimed: Job) -> None:
    """Extend the lease during long work, by ``OUTBOX_LEASE_SECONDS`` from now. Raises ``LeaseLost`` if too late.

    Inside a transaction it also keeps everybody else from claiming the job until that transaction ends.
    """
    if not _owned(claimed).update(lease_until=_lease_end()):
        raise LeaseLost


def _lease_end() -> datetime.datetime:
    return clock.now() + datetime.timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)


def finish(claimed: Job) -> None:
    """Mark the job done, in the transaction that holds its effect. Raises ``LeaseLost``, so that effect rolls back."""
    if not _owned(claimed).update(state=JobState.DONE, finished_at=clock.now(), last_error=""):
        raise LeaseLost


def bury(claimed: Job, handler: Handler, reason: str) -> None:
    """End the job as a dead letter that an operator sees, and let its room react in the same transaction."""
    claimed.last_error = reason[:MAX_ERROR_LENGTH]
    try:
        with transaction.atomic():
            if not _bury(claimed):
                return
            if handler.give_up is not None:
                handler.give_up(claimed)
    except Exception as error:  # else the job would be claimed, and fail in the same way, for ever
        logger.exception("outbox.give_up_failed")
        claimed.last_error = f"{reason}; giving up failed too: {type(error).__name__}: {error}"[:MAX_ERROR_LENGTH]
        _bury(claimed)
    logger.error("outbox.dead_letter", kind=claimed.kind, job_id=str(claimed.id), reason=claimed.last_error)


def _bury(claimed: Job) -> int:
    return _owned(claimed).update(state=JobState.DEAD, lease_until=None, last_error=claimed.last_error)


def _postpone(claimed: Job, handler: Handler, reason: str) -> None:
    delay = min(handler.backoff * 2 ** (claimed.attempts - 1), MAX_BACKOFF)
    _owned(claimed).update(
        state=JobState.PENDING,
        due_at=clock.now() + delay,
        hinted_at=None,
        lease_until=None,
        last_error=reason[:MAX_ERROR_LENGTH],
    )


def retry(*, actor: Actor, job_id: uuid.UUID) -> None:
    """An operator sends a dead letter back to work with its attempts counted anew.

    Raises ``NotFound``, or ``IllegalTransition`` when the job is not a dead letter (any more).
    """
    _require_operator(actor)
    jobs = Job.objects.filter(id=job_id)
    with transaction.atomic():
        if not jobs.filter(state=JobState.DEAD).update(state=JobState.PENDING, **_as_new()):
            raise _not_dead(jobs.values_list("state", flat=True).first())
        insert_together(event("job.retried", actor=actor, subject=("job", job_id)))
        transaction.on_commit(functools.partial(hint, [job_id]))


def _not_dead(state: str | None) -> BusinessError:
    if state is None:
        return NotFound()
    return IllegalTransition(
        _("Only a dead letter can be retried; this job is %(state)s.") % {"state": state}, state=state
    )


def retry_dead(*, actor: Actor, kind: str = "") -> int:
    """Send every dead letter (of one ``kind``) back to work; returns how many. The sweeper hints them."""
    _require_operator(actor)
    dead = Job.objects.filter(state=JobState.DEAD)
    if kind:
        dead = dead.filter(kind=kind)
    with transaction.atomic():
        found = list(lock_in_order(dead).values_list("id", flat=True))
        Job.objects.filter(id__in=found).update(state=JobState.PENDING, **_as_new())
        insert_together(event("job.retried", actor=actor, subject=("job", job_id)) for job_id in found)
    return len(found)


def _require_operator(actor: Actor) -> None:
    actor.require_role("operator")
    actor.require_capacity("operator")


def _as_new() -> dict[str, object]:
    return {"attempts": 0, "due_at": clock.now(), "hinted_at": None, "lease_until": None}
