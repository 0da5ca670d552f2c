"""The evidence as operators and auditors read it."""

import datetime

import pytest
from django.test import Client

from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.identifiers import uuid7
from tests import factories, trades
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
LIST = "/auditor/audit/auditevent/"


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


@pytest.fixture
def auditor(market) -> Client:
    client = Client()
    client.force_login(market.auditor.user)
    return client


def record(name: str, who: str = "somebody@example.cn", at: datetime.datetime | None = None, **payload) -> AuditEvent:
    with clock.frozen_at(at or clock.now()):
        made = event(name, actor=Actor(label=who, role="lister"), subject=("thing", uuid7()), payload=payload)
    insert_together(made)
    return made


def shown(client: Client, query: str) -> set[str]:
    """The names of the acts in the list."""
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return {found.name for found in answer.context["cl"].result_list}


def test_found_by_name_actor_subject_and_day(market, auditor):
    midnight = clock.business_midnight(datetime.date(2026, 3, 2))
    old = record("thing.began", who="anna@example.cn", at=midnight - datetime.timedelta(microseconds=1))
    record("thing.ended", who="boris@example.cn", at=midnight)
    assert shown(auditor, "name=thing.began") == {"thing.began"}
    assert shown(auditor, f"q={old.subject_id}") == {"thing.began"}
    assert shown(auditor, "q=BORIS") == {"thing.ended"}
    assert shown(auditor, "actor_label__icontains=anna") == {"thing.began"}
    assert shown(auditor, "occurred_at_from=2026-03-01&occurred_at_to=2026-03-01") == {"thing.began"}
    assert shown(auditor, "occurred_at_from=2026-03-02&occurred_at_to=2026-03-02") == {"thing.ended"}
    assert shown(auditor, "q=nobody") == set()


def test_the_page_tells_who_what_and_the_details(market, auditor):
    made = record("thing.weighed", weight=12, note="<b>heavy</b>")
    page = auditor.get(f"{LIST}{made.id}/change/").content.decode()
    for word in ("thing.weighed", "somebody@example.cn", "<dt>weight</dt><dd>12</dd>", str(made.subject_id)):
        assert word in page
    assert "<b>heavy</b>" not in page
    assert "&lt;b&gt;heavy" in page


def test_a_subject_leads_to_its_page_on_the_same_site(market, auditor):
    order = trades.place(market)
    link = f'href="/auditor/orders/order/{order.id}/change/"'
    assert link in auditor.get(f"{LIST}?name=order.placed").content.decode()
    assert auditor.get(f"/auditor/orders/order/{order.id}/change/").status_code == 200


def test_nobody_writes_evidence_by_hand(market, auditor):
    made = record("thing.done")
    operator = Client()
    operator.force_login(market.operator.user)
    before = fingerprint()
    for client, base in ((auditor, LIST), (operator, "/admin/audit/auditevent/")):
        assert client.get(f"{base}add/").status_code == 403
        assert client.post(f"{base}add/", {"name": "x"}).status_code == 403
        assert client.post(f"{base}{made.id}/change/", {"name": "x"}).status_code == 403
        assert client.post(f"{base}{made.id}/delete/", {"post": "yes"}).status_code == 404
    assert changed(before) == []


def test_vendors_have_no_such_page(market):
    vendor = Client()
    vendor.force_login(market.lister.user)
    assert vendor.get("/vendor/audit/auditevent/").status_code == 404


def test_a_page_takes_as_many_queries_for_many_events_as_for_few(market, auditor, django_assert_num_queries):
    record("thing.done")
    with django_assert_num_queries(8) as few:
        auditor.get(LIST)
    for _event in range(20):
        record("thing.done")
    with django_assert_num_queries(len(few)):
        auditor.get(LIST)
