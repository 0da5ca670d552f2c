"""Lease and fence: of two workers on one job, one commits. First the race with the guard off, then with it on."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from market.kernel import clock
from market.outbox import services
from market.outbox.errors import LeaseLost
from market.outbox.models import Job
from market.outbox.states import JobState
from tests.outbox import probes
from tests.outbox.probes import record, reread, traces

pytestmark = pytest.mark.django_db(transaction=True)


def in_two_threads(act) -> list:
    barrier = threading.Barrier(2, timeout=10)

    def run(_number):
        try:
            return act(barrier)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))


def test_without_a_conditional_claim_two_workers_do_the_same_job(clean_redis):
    (job,) = record("probe.count")

    def look_then_act(barrier):
        due = Job.objects.filter(id=job.id, state=JobState.PENDING).first()
        barrier.wait()
        if due is not None:
            probes.trace(due, "done")
            Job.objects.filter(id=job.id).update(state=JobState.DONE, finished_at=clock.now())

    in_two_threads(look_then_act)
    assert traces("done", job) == 2


def test_claimed_by_one_of_two_workers(clean_redis):
    jobs = record("probe.count", 20)

    def perform_all(barrier):
        for job in jobs:
            barrier.wait()
            services.perform(job.id)

    in_two_threads(perform_all)
    assert [traces("done", job) for job in jobs] == [1] * 20
    assert set(Job.objects.values_list("state", "attempts", "fence")) == {("done", 1, 1)}


@pytest.mark.parametrize(("kind", "executions"), [("probe.unfenced", 2), ("probe.fenced", 1)])
def test_worker_that_sleeps_past_its_lease(kind, executions, start_probing, gate, wait_until):
    """A whole worker is stopped (a long pause of its machine), another takes the job, then the first wakes up."""
    first = start_probing()
    with gate():
        (job,) = record(kind)
        wait_until(lambda: traces("waiting", job) == 1, "the first worker to begin")
        os.killpg(first.pid, signal.SIGSTOP)
        start_probing()
        wait_until(lambda: traces("waiting", job) == 2, "the second worker to take the job over", seconds=20)
        os.killpg(first.pid, signal.SIGCONT)
    wait_until(lambda: reread(job).state == JobState.DONE and traces("done", job) >= executions, "the job to be done")
    wait_until(lambda: "outbox.lease_lost" in first.log.read_text(), "the first worker to see that it is late")
    assert traces("done", job) == executions
    assert reread(job).fence == 2


def test_stale_fence_cannot_renew_finish_postpone_or_bury(clean_redis):
    (job,) = record("probe.count")
    stale = services.claim(job.id)
    with clock.frozen_at(stale.lease_until + probes.QUICKLY):
        owner = services.claim(job.id)
        assert (owner.fence, owner.attempts) == (2, 2)
        before = Job.objects.filter(id=job.id).values().get()

        with pytest.raises(LeaseLost):
            services.renew(stale)
        with pytest.raises(LeaseLost), transaction.atomic():
            probes.trace(stale, "done")
            services.finish(stale)
        services.bury(stale, services.handler_of("probe.poison"), "late")
        services._postpone(stale, services.handler_of("probe.poison"), "late")

        assert Job.objects.filter(id=job.id).values().get() == before
        assert traces("done") == traces("given_up") == 0
        services.finish(owner)
    assert reread(job).state == JobState.DONE


def test_leased_job_is_nobody_elses(clean_redis):
    (job,) = record("probe.count")
    assert services.claim(job.id) is not None
    assert services.claim(job.id) is None
    services.perform(job.id)
    assert traces("done") == 0


def test_renewal_extends_the_lease(clean_redis):
    (job,) = record("probe.count")
    claimed = services.claim(job.id)
    with clock.frozen_at(claimed.lease_until - probes.QUICKLY):
        services.renew(claimed)
    with clock.frozen_at(claimed.lease_until + probes.QUICKLY):
        assert services.claim(job.id) is None


def test_done_job_is_never_claimed_again(clean_redis):
    (job,) = record("probe.count")
    services.perform(job.id)
    services.perform(job.id)
    assert services.claim(job.id) is None
    assert traces("done", job) == 1
