"""Invoices over HTTP: a buyer from its profile to the file."""

import hashlib
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.documents.models import Invoice
from market.settlement.services import refund_captured
from tests import factories
from tests.documents import invoicing
from tests.documents.invoicing import captured, issue, requested, take_back
from tests.settlement import lives
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db

BASE = "/api/v1"


def post(client, path: str, body: dict | None = None, key: str = ""):
    return client.post(f"{BASE}/{path}", body or {}, headers={"Idempotency-Key": key or str(uuid.uuid4())})


def test_from_the_profile_to_the_file():
    market, made = captured(2)
    finance = factories.member(market.buyer, Role.FINANCE)
    client = factories.api_client(finance)
    profile = {"title": "遵义食品有限公司财务部", "tax_number": invoicing.TAX_NUMBER}
    assert (
        client.put(f"{BASE}/invoice-profile", profile).json() | profile == client.get(f"{BASE}/invoice-profile").json()
    )

    free = client.get(f"{BASE}/invoiceable-orders").json()["results"]
    assert {(row["id"], row["amount"]) for row in free} == {(str(order_id), 10_000) for order_id in made}
    asked = post(client, "invoices", {"orders": [row["id"] for row in free], "kind": "special"})
    assert asked.status_code == 201, asked.data
    invoice = asked.json()
    assert (invoice["state"], invoice["amount"], invoice["vat"]) == ("requested", 20_000, 1_132)
    assert (invoice["title"], invoice["vendor"]["name"]) == (profile["title"], market.vendor.name)
    assert sorted(line["amount"] for line in invoice["lines"]) == [10_000, 10_000]
    assert client.get(f"{BASE}/invoiceable-orders").json()["results"] == []

    issue(market, type("Asked", (), {"id": uuid.UUID(invoice["id"])}), number="26522000000012345678")
    invoice = client.get(f"{BASE}/invoices/{invoice['id']}").json()
    (document,) = invoice["documents"]
    assert (invoice["state"], document["number"], document["code"]) == ("issued", "26522000000012345678", "")
    answer = client.get(document["file"])
    content = b"".join(answer.streaming_content)
    assert content == invoicing.PDF
    assert answer["ETag"] == f'"{document["sha256"]}"' == f'"{hashlib.sha256(content).hexdigest()}"'
    assert answer["Content-Disposition"] == 'attachment; filename="26522000000012345678.pdf"'
    assert client.get(document["file"], headers={"If-None-Match": answer["ETag"]}).status_code == 304


def test_a_request_can_be_withdrawn_once():
    market, made = captured(1)
    client, invoice = factories.api_client(market.purchaser), requested(market, *made)
    withdrawn = post(client, f"invoices/{invoice.id}/withdraw")
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    assert withdrawn.json()["lines"][0]["released_at"]
    again = post(client, f"invoices/{invoice.id}/withdraw")
    assert (again.status_code, again.json()["code"], again.json()["legal_moves"]) == (409, "illegal_transition", [])


def test_a_repeated_request_is_one_request():
    market, made = captured(1)
    client = factories.api_client(market.purchaser)
    body = {"orders": [str(made[0])], "kind": "general"}
    first, again = (post(client, "invoices", body, key="once") for _try in range(2))
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    refused = post(client, "invoices", body)
    assert (refused.status_code, refused.json()["orders"]) == (409, [str(made[0])])


def test_bodies_that_make_no_sense():
    market, made = captured(1)
    client = factories.api_client(market.purchaser)
    for body, pointer in (
        ({"kind": "general"}, "/orders"),
        ({"orders": [], "kind": "general"}, "/orders"),
        ({"orders": [str(made[0])]}, "/kind"),
        ({"orders": ["x"], "kind": "general"}, "/orders/0"),
        ({"orders": [str(made[0])], "kind": "general", "amount": 1}, "/amount"),
    ):
        answer = post(client, "invoices", body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert post(client, "invoices", {"orders": [str(uuid.uuid4())], "kind": "general"}).status_code == 404


def test_both_sides_and_the_auditors_see_it_and_nobody_else():
    market, made = captured(1)
    invoice = requested(market, *made)
    document = issue(market, invoice)
    file = f"{BASE}/invoices/{invoice.id}/documents/{document.id}/file"
    for member in (market.purchaser, market.vendor_finance, market.auditor, market.operator):
        client = factories.api_client(member)
        assert [row["id"] for row in client.get(f"{BASE}/invoices").json()["results"]] == [str(invoice.id)]
        assert client.get(f"{BASE}/invoices/{invoice.id}").status_code == 200
        assert client.get(file).status_code == 200
    stranger = factories.api_client(
        factories.member(factories.organization(Capacity.BUYER, Capacity.VENDOR), Role.OWNER)
    )
    assert stranger.get(f"{BASE}/invoices").json()["results"] == []
    for address in (f"{BASE}/invoices/{invoice.id}", file):
        assert stranger.get(address).status_code == 404
    assert post(stranger, f"invoices/{invoice.id}/withdraw").status_code == 404
    # The file of one invoice is not found under another.
    lives_on = requested(market, *lives.completed(market, 1))
    client = factories.api_client(market.purchaser)
    assert client.get(f"{BASE}/invoices/{lives_on.id}/documents/{document.id}/file").status_code == 404


def test_lists_are_narrowed_and_cost_the_same_however_long():
    market, made = captured(4)
    for order_id in made[:3]:
        invoice = requested(market, order_id)
        issue(market, invoice)
    take_back(market, invoice, 10_000)
    client = factories.api_client(market.purchaser)
    assert len(client.get(f"{BASE}/invoices", {"state": "issued"}).json()["results"]) == 2
    assert client.get(f"{BASE}/invoices", {"vendor": str(market.buyer.id)}).json()["results"] == []
    assert client.get(f"{BASE}/invoices", {"colour": "red"}).status_code == 422
    free = client.get(f"{BASE}/invoiceable-orders").json()["results"]
    assert {row["id"] for row in free} == {str(made[2]), str(made[3])}
    for path in ("invoices", "invoiceable-orders"):
        counts = set()
        for size in (1, 2):
            with CaptureQueriesContext(connection) as queries:
                assert len(client.get(f"{BASE}/{path}", {"page_size": size}).json()["results"]) == size
            counts.add(len(queries))
        assert len(counts) == 1


def test_what_went_back_is_said_and_is_not_invoiced_again():
    market, made = captured(3)
    client = factories.api_client(market.purchaser)
    gone, part, issued_before = made
    asked = post(client, "invoices", {"orders": [str(issued_before)], "kind": "special"}).json()
    issue(market, Invoice.objects.get(id=asked["id"]))
    for order_id, amount in ((gone, None), (part, 4_000), (issued_before, 2_500)):
        operator = factories.actor_of(market.operator)
        refund_captured(actor=operator, order_id=order_id, amount=amount, reference="R1", reason="Wrong files.")
    free = client.get(f"{BASE}/invoiceable-orders").json()["results"]
    assert [(row["id"], row["amount"]) for row in free] == [(str(part), 10_000)]
    before = fingerprint()
    refused = post(client, "invoices", {"orders": [str(gone), str(part)], "kind": "special"})
    assert (refused.status_code, refused.json()["orders"]) == (409, [str(gone)]) and changed(before) == []
    assert client.get(f"{BASE}/invoices/{asked['id']}").json()["refunded"] == 2_500
    assert [row["refunded"] for row in client.get(f"{BASE}/invoices").json()["results"]] == [2_500]

    # The vendor's page says it too, and its form proposes what no red letter has taken back yet.
    vendor = Client()
    vendor.force_login(market.vendor_finance.user)
    page = f"/vendor/documents/invoice/{asked['id']}"
    assert "25.00" in vendor.get(f"{page}/change/").content.decode()
    assert 'value="25.00"' in vendor.get(f"{page}/acts/red-letter/").content.decode()
    invoicing.take_back(market, Invoice.objects.get(id=asked["id"]), 2_500)
    assert 'value="25.00"' not in vendor.get(f"{page}/acts/red-letter/").content.decode()
