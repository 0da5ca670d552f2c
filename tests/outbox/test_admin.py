"""The operators' page of durable work."""

import pytest
from django.test import Client
from django.urls import reverse

from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.outbox import services
from market.outbox.models import Job
from market.outbox.states import JobState
from tests import factories
from tests.outbox.probes import record, reread

pytestmark = pytest.mark.django_db(transaction=True)
JOBS = "/admin/outbox/job/"


@pytest.fixture
def dead(clean_redis) -> Job:
    (job,) = record("probe.hopeless")
    services.perform(job.id)
    return reread(job)


def signed_in(role: str, capacity: str) -> Client:
    client = Client()
    client.force_login(factories.member(factories.organization(capacity), role).user)
    return client


def test_operator_sees_why_and_retries(dead):
    client = signed_in("operator", "operator")
    page = client.get(JOBS, {"state": "dead"})
    assert page.status_code == 200
    assert "the file is gone" in page.content.decode()
    assert "the file is gone" in client.get(f"{JOBS}{dead.id}/change/").content.decode()
    retry = f"{JOBS}{dead.id}/acts/retry/"
    assert client.get(retry).status_code == 200
    assert reread(dead).state == JobState.DEAD, "looking changes nothing"
    assert client.post(retry, {"confirmed": "yes"}).status_code == 302
    assert (reread(dead).state, reread(dead).attempts) == (JobState.PENDING, 0)
    assert client.post(retry, {"confirmed": "yes"}).status_code == 404, "it is no dead letter any more"


def test_finance_looks_but_does_not_retry(dead):
    client = signed_in("finance", "operator")
    assert client.get(f"{JOBS}{dead.id}/change/").status_code == 200
    assert client.post(f"{JOBS}{dead.id}/acts/retry/", {"confirmed": "yes"}).status_code == 404
    assert reread(dead) == dead and reread(dead).state == JobState.DEAD


def test_nobody_writes_a_job_by_hand(dead):
    client = signed_in("operator", "operator")
    before = Job.objects.filter(id=dead.id).values().get()
    assert client.get(f"{JOBS}add/").status_code == 403
    assert client.post(f"{JOBS}{dead.id}/change/", {"state": "done"}).status_code == 403
    assert client.post(f"{JOBS}{dead.id}/delete/", {"post": "yes"}).status_code in (403, 404)
    assert Job.objects.filter(id=dead.id).values().get() == before


@pytest.mark.parametrize("site", ["vendor", "auditor"])
def test_other_sites_do_not_know_jobs(site, dead):
    client = signed_in("owner", "vendor") if site == "vendor" else signed_in("auditor", "regulator")
    assert client.get(f"/{site}/outbox/job/").status_code == 404
    assert client.get(JOBS).status_code == 302


def test_list_costs_the_same_for_any_number_of_jobs(dead, django_assert_num_queries):
    client = signed_in("operator", "operator")
    client.get(JOBS)
    with django_assert_num_queries(7):
        client.get(JOBS)
    Job.objects.bulk_create(Job(kind="probe.count", key=str(number), subject_id=uuid7()) for number in range(40))
    with django_assert_num_queries(7):
        client.get(JOBS)


def test_search_finds_the_jobs_of_a_subject(dead):
    client = signed_in("operator", "operator")
    other = Job.objects.create(kind="probe.count", key="other", subject_id=uuid7(), due_at=clock.now())
    found = client.get(JOBS, {"q": str(dead.subject_id)}).content.decode()
    assert reverse("operator:outbox_job_change", args=[dead.id]) in found
    assert str(other.id) not in found
    assert client.get(JOBS, {"q": "no such thing"}).status_code == 200
