"""What happens to work that fails, and to work that kills its worker."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition, NotFound
from market.kernel.identifiers import uuid7
from market.outbox import services
from market.outbox.models import Job
from market.outbox.states import JobState
from tests import factories
from tests.outbox.probes import record, reread, traces

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(db):
    return factories.actor_of(factories.member(factories.organization("operator"), "operator"))


def exhaust(job: Job) -> Job:
    """Perform whenever due, until it is not pending any more; returns it as it is then."""
    for _attempt in range(20):
        job = reread(job)
        if job.state != JobState.PENDING:
            return job
        with clock.frozen_at(job.due_at):
            services.perform(job.id)
    raise AssertionError("still pending after 20 attempts")


def test_poison_job_ends_as_a_dead_letter_in_bounded_attempts(clean_redis):
    (job,) = record("probe.poison")
    dead = exhaust(job)
    assert (dead.state, dead.attempts, dead.last_error) == (JobState.DEAD, 3, "ValueError: bad row")
    assert traces("given_up", job) == 1
    assert traces("done", job) == 0, "a failed attempt leaves nothing behind"


def test_backoff_doubles(clean_redis):
    (job,) = record("probe.poison")
    started = clock.now()
    delays = []
    for _attempt in range(2):
        with clock.frozen_at(started):
            services.perform(job.id)
        delays.append((reread(job).due_at - started).total_seconds())
        Job.objects.filter(id=job.id).update(due_at=started)
    assert delays == [0.001, 0.002]


def test_hopeless_job_is_buried_at_once(clean_redis):
    (job,) = record("probe.hopeless")
    dead = exhaust(job)
    assert (dead.state, dead.attempts, dead.last_error) == (JobState.DEAD, 1, "the file is gone")
    assert traces("given_up", job) == 1


def test_a_room_that_cannot_react_does_not_keep_the_job_alive(clean_redis):
    (job,) = record("probe.helpless")
    dead = exhaust(job)
    assert (dead.state, dead.attempts) == (JobState.DEAD, 1)
    assert dead.last_error == "the file is gone; giving up failed too: RuntimeError: the room cannot react"


def test_unknown_kind_is_retried_then_dead(clean_redis):
    """During a deployment an old worker meets a kind that only the new ones know."""
    (job,) = record("probe.unheard_of")
    services.perform(job.id)
    assert reread(job).state == JobState.PENDING
    dead = exhaust(job)
    assert (dead.state, dead.attempts) == (JobState.DEAD, 8)
    assert dead.last_error == "LookupError: no handler is registered for probe.unheard_of"


def test_job_that_kills_every_worker_process_ends_as_a_dead_letter(start_probing, wait_until):
    worker = start_probing()
    (job,) = record("probe.killer")
    wait_until(lambda: reread(job).state == JobState.DEAD, "the dead letter", seconds=40)
    assert reread(job).last_error == "its worker died at every attempt"
    assert (traces("killed", job), traces("given_up", job)) == (2, 1)
    assert worker.poll() is None
    (healthy,) = record("probe.count")
    wait_until(lambda: reread(healthy).state == JobState.DONE, "the worker to go on with other work")


def test_operator_retries_a_dead_letter(clean_redis, operator):
    (job,) = record("probe.hopeless")
    fence = exhaust(job).fence
    services.retry(actor=operator, job_id=job.id)
    again = reread(job)
    assert (again.state, again.attempts, again.fence) == (JobState.PENDING, 0, fence)
    assert clean_redis.llen("celery") == 2, "it is hinted at once"
    assert AuditEvent.objects.get(subject_id=job.id, name="job.retried").actor_label == operator.label
    assert exhaust(job).fence == fence + 1


def test_retry_is_refused_and_changes_nothing(clean_redis, operator):
    (job,) = record("probe.hopeless")
    with pytest.raises(IllegalTransition) as refusal:
        services.retry(actor=operator, job_id=job.id)
    assert refusal.value.extra == {"state": "pending"}
    with pytest.raises(NotFound):
        services.retry(actor=operator, job_id=uuid7())
    exhaust(job)
    before = Job.objects.values().get()
    for role, capacity in (("finance", "operator"), ("owner", "buyer")):
        outsider = factories.actor_of(factories.member(factories.organization(capacity), role))
        with pytest.raises(Forbidden):
            services.retry(actor=outsider, job_id=job.id)
        with pytest.raises(Forbidden):
            services.retry_dead(actor=outsider)
    assert Job.objects.values().get() == before
    assert not AuditEvent.objects.filter(name="job.retried").exists()


def test_command_shows_and_retries(clean_redis, capsys):
    hopeless = record("probe.hopeless", 3)
    poison = record("probe.poison", 2)
    for job in hopeless + poison:
        exhaust(job)
    record("probe.count", 4)

    call_command("outbox")
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert ["probe.hopeless", "dead", "3"] in lines
    assert ["probe.count", "pending", "4"] in lines
    assert lines[-1][:2] == ["4", "jobs"]

    with pytest.raises(CommandError):
        call_command("outbox", "retry")
    call_command("outbox", "retry", "--dead", "--kind", "probe.poison")
    assert capsys.readouterr().out == "2 dead letters sent back to work\n"
    assert Job.objects.filter(state=JobState.DEAD).count() == 3
    assert AuditEvent.objects.filter(name="job.retried", actor_label=SYSTEM.label).count() == 2
    call_command("outbox", "retry", "--dead")
    assert not Job.objects.filter(state=JobState.DEAD).exists()
