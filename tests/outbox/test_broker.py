"""Redis carries hints: emptied, dead, silent or flooded, it costs time and nothing else."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.outbox import hints, services
from market.outbox.models import Job
from market.outbox.states import JobState
from tests.outbox.probes import record, reread, traces

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def broker_is_trusted(monkeypatch):
    monkeypatch.setattr(hints, "_quiet_until", 0.0)


def all_done() -> bool:
    return not Job.objects.exclude(state=JobState.DONE).exists()


def test_five_hundred_jobs_survive_an_emptied_redis(start_probing, clean_redis, wait_until):
    jobs = record("probe.count", 500)
    assert clean_redis.llen("celery") == 500
    clean_redis.flushdb()
    start_probing("--concurrency", "2")
    wait_until(lambda: traces("done") >= 100, "the sweeper to find them", seconds=30)
    clean_redis.flushdb()
    wait_until(all_done, "every job to be done", seconds=60)
    counted = Counter(AuditEvent.objects.filter(name="probe.done").values_list("subject_id", flat=True))
    assert counted == {job.id: 1 for job in jobs}


def test_killed_worker_group_costs_a_lease_and_nothing_else(start_probing, gate, wait_until):
    worker = start_probing()
    with gate():
        (job,) = record("probe.fenced")
        wait_until(lambda: traces("waiting", job) == 1, "the worker to begin")
        os.killpg(worker.pid, 9)
        worker.wait()
    assert reread(job).state == JobState.RUNNING
    start_probing()
    wait_until(lambda: reread(job).state == JobState.DONE, "another worker to finish", seconds=20)
    assert (traces("done", job), reread(job).attempts) == (1, 2)


COMMIT_A_JOB = textwrap.dedent(
    """
    import time, uuid
    from django.db import transaction
    from market.kernel.database import insert_together
    from market.outbox import services
    for number in range(3):
        started = time.monotonic()
        with transaction.atomic():
            insert_together(services.job("probe.count", key=f"late {number}", subject_id=uuid.uuid4()))
        print(f"took {time.monotonic() - started:.3f}")
    """
)


@pytest.mark.parametrize("broker", ["refuses", "is silent"])
def test_commit_while_redis_is_dead_is_neither_lost_nor_hung(broker, child_environment, start_probing, wait_until):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if broker == "is silent":
            listener.listen()
        dead = {"REDIS_URL": f"redis://127.0.0.1:{listener.getsockname()[1]}/0", "LOG_LEVEL": "ERROR"}
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", COMMIT_A_JOB],
            env=child_environment | dead,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    seconds = [float(line.removeprefix("took ")) for line in done.stdout.splitlines() if line.startswith("took")]
    assert len(seconds) == 3
    assert max(seconds) < 4, seconds
    assert max(seconds[1:]) < 0.5, f"only the first waits for the broker: {seconds}"
    assert Job.objects.filter(state=JobState.PENDING).count() == 3
    start_probing()
    wait_until(all_done, "the sweeper to find them", seconds=20)
    assert traces("done") == 3


def test_two_sweepers_share_the_work(clean_redis):
    jobs = record("probe.count", 300)
    clean_redis.flushdb()
    barrier = threading.Barrier(2, timeout=10)

    def sweep(_number):
        try:
            with clock.frozen_at(clock.now() + timedelta(seconds=5)):
                barrier.wait()
                return services.sweep()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(sweep, range(2)))
    assert sum(counts) == clean_redis.llen("celery") == len(jobs)


def test_sweeper_does_not_wait_for_a_locked_row(clean_redis):
    held, free = record("probe.count", 2)
    later = clock.now() + timedelta(seconds=5)
    with transaction.atomic():
        Job.objects.select_for_update().get(id=held.id)

        def sweep():
            try:
                with clock.frozen_at(later):
                    return services.sweep()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(sweep).result(timeout=5) == 1
    assert reread(free).hinted_at == later
    assert reread(held).hinted_at is None


def test_deep_backlog_does_not_flood_the_broker(clean_redis):
    backlog = 3 * hints.QUEUE_IS_DEEP
    Job.objects.bulk_create(Job(kind="probe.count", key=str(n), subject_id=uuid7()) for n in range(backlog))
    moment = clock.now()
    depths = []
    for _sweep in range(12):
        moment += timedelta(seconds=30)
        with clock.frozen_at(moment):
            services.sweep()
        depths.append(clean_redis.llen("celery"))
    assert max(depths) == depths[-1] == hints.QUEUE_IS_DEEP
    last_hinted = Job.objects.exclude(hinted_at=None).latest("due_at")
    assert not Job.objects.filter(hinted_at=None, due_at__lt=last_hinted.due_at).exists(), "the oldest come first"


def test_hint_is_sent_after_the_commit_and_never_after_a_rollback(clean_redis):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.job("probe.count", key="a", subject_id=uuid7()).save()
        assert clean_redis.llen("celery") == 0
        raise ZeroDivisionError
    assert clean_redis.llen("celery") == 0
    assert not Job.objects.exists()
    record("probe.count")
    assert clean_redis.llen("celery") == 1


def test_job_needs_a_transaction():
    with pytest.raises(RuntimeError, match="transaction of the act"):
        services.job("probe.count", key="a", subject_id=uuid7())


def test_postponed_job_waits_for_its_time(clean_redis):
    due = clock.now() + timedelta(hours=1)
    with transaction.atomic():
        job = services.job("probe.count", key="a", subject_id=uuid7(), due_at=due)
        job.save(force_insert=True)
    assert clean_redis.llen("celery") == 0
    services.perform(job.id)
    assert services.sweep() == 0
    assert reread(job).state == JobState.PENDING
    with clock.frozen_at(due + timedelta(seconds=3)):
        assert services.sweep() == 1
        services.perform(job.id)
    assert reread(job).state == JobState.DONE
