"""Kinds of work that leave a countable trace in the database. A worker process learns them by ``--include``."""

import datetime
import os
import signal
import uuid

from django.db import connection, transaction

from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.outbox import services
from market.outbox.errors import Hopeless
from market.outbox.models import Job
from market.outbox.registry import Handler, register

QUICKLY = datetime.timedelta(milliseconds=1)


def trace(job: Job, what: str) -> None:
    insert_together(event(f"probe.{what}", actor=SYSTEM, subject=("job", job.id)))


def traces(what: str, job: Job | None = None) -> int:
    found = AuditEvent.objects.filter(name=f"probe.{what}")
    return (found.filter(subject_id=job.id) if job else found).count()


def record(kind: str, count: int = 1) -> list[Job]:
    """Commit ``count`` jobs, as an act would."""
    with transaction.atomic():
        jobs = [services.job(kind, key=str(uuid.uuid4()), subject_id=uuid.uuid4()) for _number in range(count)]
        insert_together(jobs)
    return jobs


def reread(job: Job) -> Job:
    return Job.objects.get(id=job.id)


def wait_at_gate(job: Job) -> None:
    """Say so, then wait until the test lets go of the advisory lock that is the gate."""
    trace(job, "waiting")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [GATE])


GATE = 20_26


def fenced(job: Job) -> None:
    wait_at_gate(job)
    with transaction.atomic():
        trace(job, "done")
        services.finish(job)


def unfenced(job: Job) -> None:
    """What a careless handler would do: its effect commits whether or not the job is still its own."""
    wait_at_gate(job)
    trace(job, "done")
    services.finish(job)


def poison(job: Job) -> None:
    trace(job, "done")
    raise ValueError("bad row")


def poison_with_trace(job: Job) -> None:
    trace(job, "tried")
    raise ValueError("bad row")


def kill_own_process(job: Job) -> None:
    trace(job, "killed")
    os.kill(os.getpid(), signal.SIGKILL)


def hopeless(job: Job) -> None:
    raise Hopeless("the file is gone")


def fail(job: Job) -> None:
    raise RuntimeError("the room cannot react")


register("probe.count", Handler(lambda job: trace(job, "done")))
register("probe.fenced", Handler(fenced, is_long=True))
register("probe.unfenced", Handler(unfenced, is_long=True))
register("probe.poison", Handler(poison, max_attempts=3, backoff=QUICKLY, give_up=lambda job: trace(job, "given_up")))
register("probe.tried", Handler(poison_with_trace, is_long=True, max_attempts=3, backoff=QUICKLY))
register(
    "probe.killer", Handler(kill_own_process, is_long=True, max_attempts=2, give_up=lambda job: trace(job, "given_up"))
)
register("probe.hopeless", Handler(hopeless, give_up=lambda job: trace(job, "given_up")))
register("probe.helpless", Handler(hopeless, give_up=fail))
