"""Orders over HTTP: who sees what, once-only requests, and work that does not grow with the data."""

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.api.models import IdempotentReply
from market.audit.models import AuditEvent
from market.ledger.models import Transfer
from market.orders import services
from market.orders.models import Order
from market.orders.states import OrderState
from market.outbox.models import Job
from tests import factories
from tests.orders.trades import buyer, delivered, failed, money, place, post, wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


@pytest.fixture
def client(market):
    return factories.api_client(market.purchaser)


def everything() -> list[int]:
    return [model.objects.count() for model in (Order, Transfer, AuditEvent, Job, IdempotentReply)]


@contextmanager
def round_trips() -> Iterator[list[str]]:
    """Every time libpq itself sends something to PostgreSQL and waits: BEGIN, COMMIT and probes included."""
    connection.ensure_connection()
    seen: list[str] = []
    with tempfile.NamedTemporaryFile("r") as trace:
        pgconn = connection.connection.pgconn
        with open(trace.name, "w") as written:
            pgconn.trace(written.fileno())
            try:
                yield seen
            finally:
                pgconn.untrace()
        for line in trace:
            _when, side, _length, message, *_rest = line.rstrip("\n").split("\t")
            if side == "F" and message in ("Query", "Sync"):
                seen.append(line)


# --- Placing ----------------------------------------------------------------------------------------------------------


def test_an_order_is_placed_and_can_be_read(market, client):
    answer = post(client, "orders", wish(market, quantity=2, purpose="研究"))
    assert answer.status_code == 201, answer.data
    assert answer["Location"] == f"/api/v1/orders/{answer.json()['id']}"
    order = answer.json()
    assert (order["state"], order["amount"], order["currency"]) == ("paid", 20_000, "CNY")
    assert order["legal_moves"] == ["delivering", "delivery_failed", "cancelled"]
    assert order["acts"] == ["cancel", "amend"]
    detail = client.get(answer["Location"]).json()
    assert detail.pop("money") == {
        "escrowed": 20_000,
        "returned": 0,
        "captured": 0,
        "refunded": 0,
        "held": 20_000,
        "currency": "CNY",
    }
    assert detail == order


@pytest.mark.django_db(transaction=True)
def test_placing_takes_two_round_trips_and_then_one(market, client):
    """One statement that reads everything, and one, a transaction of its own, that inserts everything; what was read
    is kept, and the insert asks whether it still holds."""
    factories.fund(market.buyer, 10_000_000)
    for _warming in range(7):
        assert post(client, "orders", wish(market)).status_code == 201
    newcomer = factories.api_client(factories.member(market.buyer, Role.PURCHASER))
    for expected in (2, 1):
        with round_trips() as seen:
            assert post(newcomer, "orders", wish(market)).status_code == 201
        assert len(seen) == expected, "".join(seen)


def test_the_same_key_is_answered_once(market, client):
    body = wish(market)
    first = post(client, "orders", body, key="k-1")
    before = everything()
    again = post(client, "orders", body, key="k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true" and again["Location"] == first["Location"]
    assert "Idempotency-Replayed" not in first
    assert everything() == before
    other = post(client, "orders", wish(market), key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert everything() == before


def test_a_key_belongs_to_one_organisation_and_operation(market, client):
    body = wish(market)
    order = post(client, "orders", body, key="k").json()
    stranger = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    factories.fund(stranger.organization, 10_000)
    assert post(factories.api_client(stranger), "orders", body, key="k").status_code == 201
    assert post(client, f"orders/{order['id']}/cancel", key="k").json()["state"] == "cancelled"


def test_a_refused_request_leaves_its_key_free():
    market = factories.market(funds=9_000)
    client = factories.api_client(market.purchaser)
    body, before = wish(market), everything()
    refused = post(client, "orders", body, key="k")
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["code"], problem["needed"], problem["available"]) == ("insufficient_funds", 10_000, 9_000)
    assert refused["Content-Type"] == "application/problem+json"
    assert everything() == before and money(market) == (9_000, 0)
    factories.fund(market.buyer, 1_000)
    assert post(client, "orders", body, key="k").status_code == 201
    assert money(market) == (0, 10_000)


def test_a_client_reference_points_at_the_order_it_belongs_to(market, client):
    first = post(client, "orders", wish(market, client_reference="PO-1")).json()
    before = everything()
    refused = post(client, "orders", wish(market, client_reference="PO-1", quantity=2))
    assert (refused.status_code, refused.json()["code"]) == (409, "client_reference_taken")
    assert refused.json()["order"] == first["id"]
    assert everything() == before
    stranger = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    factories.fund(stranger.organization, 10_000)
    assert post(factories.api_client(stranger), "orders", wish(market, client_reference="PO-1")).status_code == 201


# --- What is sent wrongly ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"quantity": 0}, "/quantity"),
        ({"quantity": -1}, "/quantity"),
        ({"quantity": 10**30}, "/quantity"),
        ({"quantity": "1"}, "/quantity"),
        ({"quantity": 1.0}, "/quantity"),
        ({"quantity": True}, "/quantity"),
        ({"quantity": None}, "/quantity"),
        ({"quantity": [1]}, "/quantity"),
        ({"offer": 7}, "/offer"),
        ({"offer": "0" * 32}, "/offer"),
        ({"offer": "../../etc/passwd"}, "/offer"),
        ({"purpose": "  "}, "/purpose"),
        ({"purpose": 7}, "/purpose"),
        ({"purpose": "x" * 1001}, "/purpose"),
        ({"client_reference": ""}, "/client_reference"),
        ({"client_reference": "two\nlines"}, "/client_reference"),
        ({"client_reference": "x" * 65}, "/client_reference"),
        ({"amount": 1}, "/amount"),
        ({"buyer_org": str(uuid.uuid4())}, "/buyer_org"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_a_wrong_value_is_named_and_changes_nothing(market, client, changes, pointer):
    before = everything()
    answer = post(client, "orders", wish(market) | changes)
    assert answer.status_code == 422, answer.data
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert everything() == before


@pytest.mark.parametrize("missing", ["offer", "quantity", "purpose", "client_reference"])
def test_a_missing_value_is_named(market, client, missing):
    body = wish(market)
    del body[missing]
    answer = post(client, "orders", body)
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{missing}"]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "idempotency_key_missing"),
        ({"Idempotency-Key": "  "}, 400, "idempotency_key_missing"),
        ({"Idempotency-Key": "k" * 256}, 400, "idempotency_key_missing"),
        ({"Idempotency-Key": "ключ"}, 400, "idempotency_key_missing"),
    ],
)
def test_every_post_wants_a_usable_key(market, client, headers, status, code):
    order, before = delivered(market), everything()
    for path, body in (
        ("orders", wish(market)),
        (f"orders/{order.id}/cancel", {}),
        (f"orders/{order.id}/accept", {}),
        (f"orders/{order.id}/refund", {}),
    ):
        answer = client.post(f"/api/v1/{path}", body, format="json", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert [*everything()[1:]] == [*before[1:]]


def test_an_act_takes_no_members(market, client):
    order = place(market)
    answer = post(client, f"orders/{order.id}/cancel", {"amount": 5})
    assert answer.status_code == 422
    order.refresh_from_db()
    assert order.state == OrderState.PAID


# --- Acts -------------------------------------------------------------------------------------------------------------


def test_the_buyer_cancels_accepts_and_takes_money_back(market, client):
    cancelled = post(client, f"orders/{place(market).id}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"], cancelled.json()["acts"]) == (200, "cancelled", [])
    assert cancelled.json()["closed_at"]
    accepted = post(client, f"orders/{delivered(market).id}/accept")
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    assert accepted.json()["legal_moves"] == ["settled"]
    refunded = post(client, f"orders/{failed(market).id}/refund")
    assert (refunded.status_code, refunded.json()["state"]) == (200, "refunded")
    assert money(market) == (90_000, 10_000)


def test_an_act_repeated_under_its_key_is_replayed_and_under_another_refused(market, client):
    path = f"orders/{place(market).id}/cancel"
    first = post(client, path, key="c")
    before = everything()
    again = post(client, path, key="c")
    assert (again.status_code, again.json(), again["Idempotency-Replayed"]) == (200, first.json(), "true")
    late = post(client, path, key="d")
    assert late.status_code == 409
    assert (late.json()["code"], late.json()["state"], late.json()["legal_moves"]) == (
        "illegal_transition",
        "cancelled",
        [],
    )
    assert everything() == before and money(market) == (100_000, 0)


def test_roles_and_scopes_are_asked(market):
    order = delivered(market)
    finance = factories.api_client(factories.member(market.buyer, Role.FINANCE))
    narrow = factories.api_client(market.purchaser, scopes=["orders:read"])
    seller = factories.api_client(factories.member(market.vendor, Role.OWNER))
    operator = factories.api_client(market.operator)
    before = everything()
    for client in (finance, narrow, seller, operator):
        assert post(client, "orders", wish(market)).status_code == 403
        assert post(client, f"orders/{order.id}/accept").status_code == 403
        assert client.get(f"/api/v1/orders/{order.id}").status_code == 200
    assert everything() == before


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_another_organisations_order_does_not_exist(market):
    order = place(market)
    stranger = factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.OWNER))
    before = everything()
    for part in ("", "/terms", "/timeline"):
        answer = stranger.get(f"/api/v1/orders/{order.id}{part}")
        unknown = stranger.get(f"/api/v1/orders/{uuid.uuid4()}{part}")
        assert answer.status_code == unknown.status_code == 404
        assert set(answer.json()) == set(unknown.json())
    for act in ("cancel", "accept", "refund"):
        assert post(stranger, f"orders/{order.id}/{act}").status_code == 404
    assert stranger.get("/api/v1/orders").json()["results"] == []
    assert stranger.get("/api/v1/orders/not-a-key").status_code == 404
    assert everything()[:3] == before[:3]


def test_buyer_vendor_auditor_and_operator_see_what_they_should(market):
    mine = place(market)
    rival = factories.product(factories.organization(Capacity.VENDOR))
    factories.revision(rival)
    theirs = place(market, offer_id=factories.offer(rival).id)
    for membership, expected in (
        (market.purchaser, {mine.id, theirs.id}),
        (market.lister, {mine.id}),
        (market.auditor, {mine.id, theirs.id}),
        (market.operator, {mine.id, theirs.id}),
    ):
        page = factories.api_client(membership).get("/api/v1/orders").json()["results"]
        assert {uuid.UUID(order["id"]) for order in page} == expected


def test_an_organisation_that_buys_and_sells_sees_both_sides_and_may_choose_one(market):
    both = factories.organization(Capacity.BUYER, Capacity.VENDOR)
    factories.fund(both, 50_000)
    member = factories.member(both, Role.OWNER)
    product = factories.product(both)
    factories.revision(product)
    sale = place(market, offer_id=factories.offer(product).id)
    purchase = place(market, actor=factories.actor_of(member))
    client = factories.api_client(member)

    def found(**query) -> set[str]:
        return {order["id"] for order in client.get("/api/v1/orders", query).json()["results"]}

    assert found() == {str(sale.id), str(purchase.id)}
    assert found(side="sales") == {str(sale.id)}
    assert found(side="purchases") == {str(purchase.id)}
    assert found(side="purchases", buyer=str(market.buyer.id)) == set()
    assert found(vendor=str(market.vendor.id)) == {str(purchase.id)}
    assert client.get("/api/v1/orders", {"side": "both"}).status_code == 422
    everything = factories.api_client(market.auditor).get("/api/v1/orders", {"buyer": str(both.id)}).json()["results"]
    assert [order["id"] for order in everything] == [str(purchase.id)]


def test_lists_are_narrowed_and_pages_followed(market, client):
    orders = [place(market) for _number in range(5)]
    services.cancel(actor=buyer(market), order_id=orders[0].id)

    def found(**query) -> list[str]:
        answer = client.get("/api/v1/orders", query)
        assert answer.status_code == 200, answer.data
        return [order["id"] for order in answer.json()["results"]]

    newest_first = [str(order.id) for order in reversed(orders)]
    assert found() == newest_first
    assert found(state="cancelled") == [str(orders[0].id)]
    assert found(product=str(market.offer.product_id)) == newest_first
    assert found(product=str(uuid.uuid4())) == []
    assert found(client_reference=orders[2].client_reference) == [str(orders[2].id)]
    today = orders[0].placed_at.astimezone(services.placing.clock.BUSINESS_ZONE).date().isoformat()
    assert found(placed_from=today, placed_until=today) == newest_first
    assert found(placed_until="2020-01-01") == []
    first = client.get("/api/v1/orders", {"page_size": 2}).json()
    second = client.get(first["next"]).json()
    assert [order["id"] for order in first["results"] + second["results"]] == newest_first[:4]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"state": "sold"}, 422),
        ({"product": "7"}, 422),
        ({"placed_from": "yesterday"}, 422),
        ({"placed_until": "2026-02-30"}, 422),
        ({"placed_until": "9999-12-31"}, 422),
        ({"placed_from": "0001-01-01"}, 422),
        ({"client_reference": "\x00"}, 422),
        ({"stat": "paid"}, 422),
        ({"cursor": "rubbish"}, 422),
        ({"cursor": "cD1hYmM="}, 422),
        ({"cursor": "cD0wMDAw"}, 422),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(client, query, status):
    answer = client.get("/api/v1/orders", query)
    assert answer.status_code == status, answer.data
    assert answer["Content-Type"] == "application/problem+json"


def test_terms_are_given_byte_for_byte(market, client):
    order = place(market, purpose="研究用途")
    terms = client.get(f"/api/v1/orders/{order.id}/terms").json()
    assert hashlib.sha256(terms["document"].encode()).hexdigest() == terms["sha256"] == order.terms_sha256
    assert json.loads(terms["document"])["order"]["purpose"] == "研究用途"


def test_the_timeline_tells_acts_and_money_and_names_own_people_only(market, client):
    order = failed(market)
    services.refund_failed(actor=factories.actor_of(market.operator), order_id=order.id)
    path = f"/api/v1/orders/{order.id}/timeline"
    moments = client.get(path).json()["results"]
    assert [moment["name"] for moment in moments] == [
        "order.placed",
        "money.escrow",
        "order.delivering",
        "order.delivery_failed",
        "order.refunded",
        "money.release",
    ]
    placed, escrow, *_rest, refunded, release = moments
    assert (placed["party"], placed["role"], placed["actor"]) == ("buyer", "purchaser", market.purchaser.user.email)
    assert (refunded["party"], refunded["role"], refunded["actor"]) == ("exchange", "operator", None)
    assert (escrow["amount"], escrow["debit"], escrow["credit"]) == (10_000, "wallet", "escrow")
    assert (release["amount"], release["debit"], release["credit"]) == (10_000, "escrow", "wallet")
    seen_by_vendor = factories.api_client(market.lister).get(path).json()["results"]
    assert seen_by_vendor[0]["actor"] is None
    seen_by_auditor = factories.api_client(market.auditor).get(path).json()["results"]
    assert seen_by_auditor[0]["actor"] == market.purchaser.user.email


def test_reading_costs_the_same_however_much_there_is(market):
    auditor = factories.api_client(market.auditor)
    orders = [delivered(market) for _number in range(8)]
    paths = [
        "orders?page_size=2",
        "orders?page_size=8",
        *(f"orders/{orders[0].id}{part}" for part in ("", "/timeline")),
    ]
    costs = []
    for path in paths:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert auditor.get(f"/api/v1/{path}").status_code == 200
        costs.append(len(queries))
    assert costs == [2, 2, 3, 4]
