"""What the broker is told: "this job is due". Best effort, bounded in time, and never an error to the caller."""

import atexit
import base64
import collections
import functools
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from typing import Any

import orjson
import redis
import structlog
from celery import current_app
from django.conf import settings
from structlog.contextvars import get_contextvars

logger = structlog.get_logger(__name__)

PERFORM_TASK = "outbox.perform"
QUEUE_IS_DEEP = 2_000
"""Sweepers add no more hints to a queue of this length: the workers have enough to do, and each hint costs memory."""

QUIET_SECONDS = 3.0
"""After a failure nobody in this process tries the broker for so long: one request waits for its timeout, not all."""

_quiet_until = 0.0
_waiting: collections.deque[tuple[str, dict[str, Any]]] = collections.deque()
_sending = threading.Lock()
_more = threading.Event()


def hint(job_ids: Iterable[uuid.UUID]) -> None:
    """Tell the workers that jobs are due. A dead broker delays the work, it never loses it nor fails the caller.

    With ``OUTBOX_GATHER_MS`` a thread of this process sends what it gathered in that time; otherwise the broker has
    the hints when this returns.
    """
    if time.monotonic() < _quiet_until:
        return
    context = get_contextvars()
    _waiting.extend((str(job_id), context) for job_id in job_ids)
    if not settings.OUTBOX_GATHER_MS:
        _send()
    elif not _more.is_set():
        _gatherer(os.getpid())
        _more.set()


def room_in_queue() -> int:
    """How many more hints the queue should take: 0 when it is deep, or when the broker does not answer."""
    if time.monotonic() < _quiet_until:
        return 0
    try:
        length = _broker().llen(current_app.conf.task_default_queue)
    except Exception as error:  # any failure of the broker means the same: not now
        _be_quiet(error)
        return 0
    return max(0, QUEUE_IS_DEEP - length)


def _send() -> None:
    """Send what waits, in one command. Whoever comes while another sends leaves it to that one."""
    while _waiting and _sending.acquire(blocking=False):
        try:
            messages = [_message(*_waiting.popleft()) for _number in range(len(_waiting))]
            _broker().lpush(current_app.conf.task_default_queue, *messages)
        except Exception as error:  # the act is committed: whatever the broker answers, its request must succeed
            _be_quiet(error)
        finally:
            _sending.release()


def _be_quiet(error: Exception) -> None:
    global _quiet_until
    _quiet_until = time.monotonic() + QUIET_SECONDS
    _waiting.clear()
    logger.warning("outbox.broker_unreachable", error=f"{type(error).__name__}: {error}")


@functools.cache
def _gatherer(_process: int) -> threading.Thread:
    """The thread of this process that sends; a process forked later starts its own."""
    atexit.register(_send)
    thread = threading.Thread(target=_gather, name="outbox-hints", daemon=True)
    thread.start()
    return thread


def _gather() -> None:
    while _more.wait():
        time.sleep(settings.OUTBOX_GATHER_MS / 1000)
        _more.clear()
        _send()


@functools.cache
def _broker() -> redis.Redis:
    """One try, with the timeouts of Celery's own connections; redis-py reopens what Redis has closed."""
    options = current_app.conf.broker_transport_options
    timeouts = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
    return redis.Redis.from_url(settings.CELERY_BROKER_URL, retry=None, **timeouts)


def _message(job_id: str, context: dict[str, Any]) -> bytes:
    """A message to ``PERFORM_TASK`` in Celery's protocol 2, as kombu's Redis transport writes it.

    Celery's own way to it takes longer than the whole act that the hint is about. ``context`` lets the worker's log
    carry the request's id, as django-structlog does.
    """
    body = _BODY % job_id.encode()
    # A job's message may be repeated, so each has a name of its own.
    return _envelope(os.getpid(), current_app.conf.task_default_queue) % {
        b"body": base64.b64encode(body),
        b"job": job_id.encode(),
        b"task": str(uuid.uuid4()).encode(),
        b"context": orjson.dumps(context, str),
    }


_BODY = b'[["%s"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'


@functools.cache
def _envelope(process: int, queue: str) -> bytes:
    """What all messages of a process have in common, with places for what they have not."""
    message = {
        "body": "%(body)s",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": PERFORM_TASK,
            "id": "%(task)s",
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": "%(task)s",
            "parent_id": None,
            "argsrepr": "['%(job)s']",
            "kwargsrepr": "{}",
            "origin": f"gen{process}@{socket.gethostname()}",
            "ignore_result": True,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
            "__django_structlog__": "CONTEXT",
        },
        "properties": {
            "correlation_id": "%(task)s",
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "%(task)s",
        },
    }
    return orjson.dumps(message).replace(b'"CONTEXT"', b"%(context)s")
