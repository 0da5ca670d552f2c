"""What the broker is told: "this job is due". Best effort, bounded in time, and never an error to the caller."""

import time
import uuid
from collections.abc import Iterable

import structlog
from celery import current_app

logger = structlog.get_logger(__name__)

PERFORM_TASK = "outbox.perform"
QUEUE_IS_DEEP = 2_000
"""Sweepers add no more hints to a queue of this length: the workers have enough to do, and each hint costs memory."""

QUIET_SECONDS = 3.0
"""After a failure nobody in this process tries the broker for so long: one request waits for its timeout, not all."""

_quiet_until = 0.0


def hint(job_ids: Iterable[uuid.UUID]) -> None:
    """Tell the workers that jobs are due. A dead broker delays the work, it never loses it nor fails the caller."""
    if time.monotonic() < _quiet_until:
        return
    try:
        with current_app.producer_or_acquire() as producer:
            for job_id in job_ids:
                current_app.send_task(PERFORM_TASK, args=[str(job_id)], producer=producer)
    except Exception as error:  # the act is committed: whatever the broker answers, its request must succeed
        _be_quiet(error)


def room_in_queue() -> int:
    """How many more hints the queue should take: 0 when it is deep, or when the broker does not answer."""
    if time.monotonic() < _quiet_until:
        return 0
    try:
        with current_app.producer_or_acquire() as producer:
            declared = producer.channel.queue_declare(queue=current_app.conf.task_default_queue)
    except Exception as error:  # any failure of the broker means the same: not now
        _be_quiet(error)
        return 0
    return max(0, QUEUE_IS_DEEP - declared.message_count)


def _be_quiet(error: Exception) -> None:
    global _quiet_until
    _quiet_until = time.monotonic() + QUIET_SECONDS
    logger.warning("outbox.broker_unreachable", error=f"{type(error).__name__}: {error}")
