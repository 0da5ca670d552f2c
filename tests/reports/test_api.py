"""Reports and evidence over HTTP."""

import csv
import hashlib
import io
import uuid

import pytest

from market.audit.models import AuditEvent
from market.outbox.models import Job
from market.reports.models import Report
from tests import factories, trades
from tests.reports.conftest import export, run

URL = "/api/v1/reports"


@pytest.fixture
def client(market):
    return factories.api_client(market.auditor)


def ask(client, body=None, key: str = ""):
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return client.post(URL, body or {"exporter": "transactions"}, format="json", headers=headers)


def test_from_asking_to_the_file(market, client):
    trades.place(market, "PO-1")
    answer = ask(client, {"exporter": "transactions", "parameters": {"state": "paid"}})
    assert answer.status_code == 202
    asked = answer.json()
    assert (asked["state"], asked["percent"], asked["file"]) == ("queued", 0, None)
    one = f"{URL}/{asked['id']}"
    early = client.get(f"{one}/file")
    assert (early.status_code, early.json()["code"], early.json()["state"]) == (409, "report_not_ready", "queued")
    run(Report.objects.get())
    done = client.get(one).json()
    assert (done["state"], done["percent"], done["totals"]["rows"]) == ("done", 100, 1)
    file = client.get(done["file"])
    assert file.status_code == 200
    assert file.streaming
    body = file.getvalue()
    assert hashlib.sha256(body).hexdigest() == done["sha256"]
    assert len(body) == done["bytes"] == int(file["Content-Length"])
    assert file["ETag"] == f'"{done["sha256"]}"'
    assert file["Content-Type"] == "text/csv; charset=utf-8"
    assert file["Content-Disposition"].startswith('attachment; filename="transactions-')
    assert file["Cache-Control"] == "private, no-cache"
    (line,) = csv.DictReader(io.StringIO(body.decode()))
    assert line["client_reference"] == "PO-1"


def test_whoever_has_the_file_is_not_sent_it_again(market, client, auditor):
    report = export(auditor)
    url = f"{URL}/{report.id}/file"
    same = client.get(url, headers={"If-None-Match": f'"{report.sha256}"'})
    assert (same.status_code, same.content) == (304, b"")
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.head(url)["Content-Length"] == str(report.bytes)


def test_asking_twice_with_one_key_is_asking_once(market, client):
    first, again = ask(client, key="K1"), ask(client, key="K1")
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert ask(client, {"exporter": "events"}, key="K1").status_code == 422
    assert Report.objects.count() == Job.objects.filter(kind="reports.export").count() == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/exporter"}),
        ({"exporter": "everything"}, {"/exporter"}),
        ({"exporter": "transactions", "filters": {}}, {"/filters"}),
        ({"exporter": "transactions", "parameters": []}, {"/parameters"}),
        ({"exporter": "transactions", "parameters": {"state": "gone", "x": 1}}, {"/parameters/state", "/parameters/x"}),
        ({"exporter": "transactions", "parameters": {"vendor": ["a"]}}, {"/parameters/vendor"}),
    ],
)
def test_a_wrong_request_says_where(market, client, body, pointers):
    answer = client.post(URL, body, format="json", headers={"Idempotency-Key": "K"})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == pointers
    assert not Report.objects.exists()


def test_asking_needs_a_key(market, client):
    assert client.post(URL, {"exporter": "events"}, format="json").json()["code"] == "idempotency_key_missing"
    assert not Report.objects.exists()


@pytest.mark.parametrize("who", ["lister", "vendor_finance", "purchaser"])
def test_others_may_not(market, auditor, who):
    report = export(auditor)
    other = factories.api_client(getattr(market, who))
    events = AuditEvent.objects.count()
    for url in (URL, f"{URL}/{report.id}", f"{URL}/{report.id}/file", "/api/v1/events"):
        assert other.get(url).status_code == 403
    assert ask(other).status_code == 403
    assert (Report.objects.count(), AuditEvent.objects.count()) == (1, events)


def test_another_auditor_organisation_does_not_see_it(market, auditor):
    report = export(auditor)
    stranger = factories.api_client(factories.member(factories.organization("regulator"), "auditor"))
    assert stranger.get(URL).json()["results"] == []
    for url in (f"{URL}/{report.id}", f"{URL}/{report.id}/file"):
        answer = stranger.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    colleague = factories.api_client(factories.member(market.auditor.organization, "auditor"))
    assert colleague.get(f"{URL}/{report.id}/file").status_code == 200


def test_an_operator_has_reports_too(market, auditor):
    report = export(auditor)
    operator = factories.api_client(market.operator)
    assert ask(operator).status_code == 202
    assert len(operator.get(URL).json()["results"]) == 1
    assert operator.get(f"{URL}/{report.id}").status_code == 404


def test_reading_scope_is_not_enough_to_ask(market):
    reader = factories.api_client(market.auditor, ["reports:read"])
    assert reader.get(URL).status_code == 200
    assert ask(reader).status_code == 403


def test_list_filters_pages_and_constant_queries(market, client, auditor, django_assert_num_queries):
    export(auditor)
    export(auditor, "events")
    ask(client, {"exporter": "transfers"})
    assert [row["exporter"] for row in client.get(URL).json()["results"]] == ["transfers", "events", "transactions"]
    assert [row["exporter"] for row in client.get(f"{URL}?state=queued").json()["results"]] == ["transfers"]
    assert [row["state"] for row in client.get(f"{URL}?exporter=events").json()["results"]] == ["done"]
    assert client.get(f"{URL}?exporters=events").status_code == 422
    for size in (1, 3):
        with django_assert_num_queries(2):
            assert len(client.get(f"{URL}?page_size={size}").json()["results"]) == size


def test_events_by_name_and_subject(market, client, django_assert_num_queries):
    order = trades.place(market)
    url = "/api/v1/events"
    (found,) = client.get(f"{url}?subject={order.id}").json()["results"]
    assert found["name"] == "order.placed"
    assert found["actor"]["label"] == market.purchaser.user.email
    assert found["subject"] == {"type": "order", "id": str(order.id)}
    assert found["payload"]["amount"] == 10_000
    assert [row["id"] for row in client.get(f"{url}?name=order.placed").json()["results"]] == [found["id"]]
    assert client.get(f"{url}?name=order.placed&subject={market.buyer.id}").json()["results"] == []
    for wrong in ("subject=1", "nam=x", "name=" + "x" * 65):
        assert client.get(f"{url}?{wrong}").status_code == 422
    for size in (1, 5):
        with django_assert_num_queries(2):
            assert len(client.get(f"{url}?page_size={size}").json()["results"]) == size
