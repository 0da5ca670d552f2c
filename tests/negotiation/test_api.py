"""Quotes over HTTP: who sees what, once-only requests, and lists that cost the same whatever their size."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Role
from market.api.models import IdempotentReply
from market.kernel import clock
from market.negotiation import services
from market.negotiation.models import Quote
from tests import factories
from tests.catalog import purposes
from tests.negotiation.talks import (
    accepted,
    asked,
    asked_back,
    everything,
    in_days,
    offered,
    vendor,
    wish,
)
from tests.orders.trades import post

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=1_000_000)


@pytest.fixture
def client(market):
    return factories.api_client(market.purchaser)


def test_a_buyer_asks_answers_and_accepts(market, client):
    answer = post(client, "quotes", wish(market))
    assert answer.status_code == 201, answer.data
    quote = answer.json()
    path = answer["Location"].removeprefix("/api/v1/")
    assert path == f"quotes/{quote['id']}"
    assert (quote["state"], quote["waiting_for"], quote["acts"]) == ("asked", "vendor", ["withdraw"])
    assert quote["next_deadline"]["what"] == "vendor_answer"
    assert (quote["purpose"], quote["volume"]) == ("Cold-chain planning.", 10)
    assert [(said["side"], said["act"], said["message"]) for said in quote["rounds"]] == [
        ("buyer", "ask", "A price for ten, please.")
    ]

    stored = Quote.objects.get(id=quote["id"])
    offered(market, stored, terms={"amount": 9_000})
    quote = client.get(f"/api/v1/{path}").json()
    assert (quote["state"], quote["acts"]) == ("offered", ["accept", "counter", "decline"])
    assert quote["legal_moves"] == ["asked", "accepted", "declined", "expired"]

    quote = post(client, f"{path}/counter", {"message": "At 75 we sign.", "volume": 12}).json()
    assert (quote["state"], quote["volume"], quote["current_offer"]) == ("asked", 12, None)

    stored.refresh_from_db()
    offered(market, stored, least_quantity=12)
    quote = client.get(f"/api/v1/{path}").json()
    offer = quote["current_offer"]
    assert (offer["amount"], offer["least_quantity"], offer["is_private"]) == (7_500, 12, True)
    assert quote["next_deadline"] == {"what": "acceptance", "at": offer["valid_until"]}

    wanted = {"offer": offer["id"], "quantity": 12, "client_reference": "PO-1"}
    answer = post(client, f"{path}/accept", wanted)
    assert answer.status_code == 201, answer.data
    quote = answer.json()
    assert (quote["state"], quote["acts"], quote["next_deadline"]) == ("accepted", [], None)
    assert quote["current_offer"] == offer
    order = client.get(answer["Location"]).json()
    assert order["id"] == quote["order"]["id"]
    assert (order["amount"], order["quantity"], order["purpose"]) == (90_000, 12, "Cold-chain planning.")
    assert [said["number"] for said in quote["rounds"]] == [1, 2, 3, 4, 5]
    assert client.get(f"/api/v1/{path}").json() == quote


@pytest.mark.parametrize(("act", "arrange", "state"), [
    ("decline", offered, "declined"),
    ("decline", asked_back, "declined"),
    ("withdraw", asked, "withdrawn"),
])  # fmt: skip
def test_a_buyer_ends_it(market, client, act, arrange, state):
    quote = arrange(market)
    answer = post(client, f"quotes/{quote.id}/{act}", {"message": "Thank you all the same."})
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert answer.json()["rounds"][-1]["message"] == "Thank you all the same."
    again = arrange(market)
    assert post(client, f"quotes/{again.id}/{act}").json()["state"] == state


# --- Once only --------------------------------------------------------------------------------------------------------


def test_the_same_key_acts_once(market, client):
    quote = offered(market)
    wanted = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
    first = post(client, f"quotes/{quote.id}/accept", wanted, key="one")
    after = everything()
    second = post(client, f"quotes/{quote.id}/accept", wanted, key="one")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() and second["Idempotency-Replayed"] == "true"
    assert second["Location"] == first["Location"]
    assert everything() == after
    assert post(client, f"quotes/{quote.id}/accept", wanted | {"quantity": 11}, key="one").status_code == 422
    assert post(client, f"quotes/{quote.id}/accept", wanted, key="two").status_code == 409
    assert everything() == after


def test_asking_twice_under_one_key_is_one_quote(market, client):
    body = wish(market)
    ids = {post(client, "quotes", body, key="one").json()["id"] for _time in range(2)}
    assert len(ids) == Quote.objects.count() == 1


@pytest.mark.parametrize("path", ["", "/counter", "/accept", "/decline", "/withdraw"])
def test_a_key_is_needed(market, client, path):
    quote = offered(market)
    before = everything()
    address = f"/api/v1/quotes/{quote.id}{path}" if path else "/api/v1/quotes"
    body = {
        "": wish(market),
        "/counter": {"message": "Less."},
        "/accept": {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"},
    }.get(path, {})
    answer = client.post(address, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    assert everything() == before


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "body", "pointer"), [
    ("", {"product": "no key"}, "/product"),
    ("", {"purpose": None}, "/purpose"),
    ("", {"volume": "10"}, "/volume"),
    ("", {"volume": 10.0}, "/volume"),
    ("", {"price": 1}, "/price"),
    ("/counter", {}, "/message"),
    ("/counter", {"message": "", "volume": 1}, "/message"),
    ("/accept", {"quantity": 10, "client_reference": "PO-1"}, "/offer"),
    ("/accept", {"quantity": 0, "client_reference": "PO-1"}, "/quantity"),
    ("/accept", {"quantity": 10, "client_reference": ""}, "/client_reference"),
    ("/decline", {"reason": "x"}, "/reason"),
    ("/withdraw", {"message": 7}, "/message"),
])  # fmt: skip
def test_a_body_that_cannot_be_meant_is_refused(market, client, path, body, pointer):
    quote = offered(market)
    before = everything()
    wanted = wish(market) | body if not path else body
    answer = post(client, f"quotes/{quote.id}{path}" if path else "quotes", wanted)
    assert answer.status_code == 422, answer.data
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert everything() == before and not IdempotentReply.objects.exists()


def test_what_is_not_possible_now_says_what_is(market, client):
    quote = asked(market)
    before = everything()
    answer = post(client, f"quotes/{quote.id}/counter", {"message": "Hello?"})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["state"]) == (409, "illegal_transition", "asked")
    assert problem["acts"] == ["withdraw"] and "withdraw" in problem["detail"]
    assert everything() == before


def test_an_offer_that_ran_out_cannot_be_accepted_anywhere(market, client):
    quote = offered(market)
    before = everything()
    with clock.frozen_at(quote.due_at):
        wanted = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
        answer = post(client, f"quotes/{quote.id}/accept", wanted)
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_run_out")
        plain = post(client, "orders", wanted | {"purpose": "Cold-chain planning."})
        assert (plain.status_code, plain.json()["code"]) == (409, "offer_not_orderable")
        assert client.get(f"/api/v1/quotes/{quote.id}").json()["acts"] == []
    assert everything() == before


def test_a_reference_used_before_names_its_order(market, client):
    first, second = accepted(market, client_reference="PO-1"), offered(market)
    before = everything()
    wanted = {"offer": str(second.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
    answer = post(client, f"quotes/{second.id}/accept", wanted)
    assert (answer.status_code, answer.json()["code"]) == (409, "client_reference_taken")
    assert answer.json()["order"] == str(first.order_id)
    assert everything() == before


def test_too_little_money_leaves_the_quote_open(client, market):
    quote = offered(market, terms={"amount": 500_000})
    before = everything()
    wanted = {"offer": str(quote.current_offer_id), "quantity": 3, "client_reference": "PO-1"}
    answer = post(client, f"quotes/{quote.id}/accept", wanted)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    assert (answer.json()["needed"], answer.json()["available"]) == (1_500_000, 1_000_000)
    assert everything() == before


# --- Who sees what ----------------------------------------------------------------------------------------------------

ACTS = {"counter": {"message": "Less."}, "decline": {}, "withdraw": {}}


def test_strangers_find_nothing(market):
    quote = offered(market)
    stranger = factories.market()
    clients = [factories.api_client(membership) for membership in (stranger.purchaser, stranger.lister)]
    before = everything()
    for client in clients:
        assert client.get(f"/api/v1/quotes/{quote.id}").status_code == 404
        assert client.get("/api/v1/quotes").json()["results"] == []
    client = clients[0]
    accept = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
    for act, body in (ACTS | {"accept": accept}).items():
        assert post(client, f"quotes/{quote.id}/{act}", body).status_code == 404
        assert post(client, f"quotes/{uuid.uuid4()}/{act}", body).status_code == 404
    assert everything() == before


def test_other_roles_read_and_do_nothing(market):
    quote = offered(market)
    members = [
        factories.member(market.buyer, Role.FINANCE),
        market.lister,
        market.vendor_finance,
        factories.member(market.vendor, Role.OWNER),
        market.auditor,
        market.operator,
    ]
    accept = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
    for membership in members:
        client = factories.api_client(membership)
        before = everything()
        assert client.get(f"/api/v1/quotes/{quote.id}").status_code == 200
        for act, body in ({"counter": ACTS["counter"], "accept": accept}).items():
            assert post(client, f"quotes/{quote.id}/{act}", body).status_code == 403, (membership, act)
        assert post(client, "quotes", wish(market)).status_code == 403
        assert everything() == before


def test_a_vendors_owner_may_decline_and_withdraw_over_http_too(market):
    owner = factories.api_client(factories.member(market.vendor, Role.OWNER))
    quote = offered(market)
    answer = post(owner, f"quotes/{quote.id}/withdraw", {"message": "A typing error."})
    assert (answer.json()["state"], answer.json()["acts"]) == ("asked", ["offer", "ask_back", "decline"])
    assert post(owner, f"quotes/{quote.id}/decline").json()["state"] == "declined"


def test_people_are_named_to_their_own_side_and_to_auditors(market, client):
    quote = offered(market)
    names = [market.purchaser.user.email, market.lister.user.email]

    def actors(membership):
        answer = factories.api_client(membership).get(f"/api/v1/quotes/{quote.id}")
        return [said["actor"] for said in answer.json()["rounds"]]

    assert actors(market.purchaser) == [names[0], None]
    assert actors(market.lister) == [None, names[1]]
    assert actors(market.auditor) == actors(market.operator) == names


def test_lists_are_scoped_filtered_and_paged(market, client):
    first, second = asked(market), offered(market)
    other = factories.market()
    asked(other)
    assert [quote["id"] for quote in client.get("/api/v1/quotes").json()["results"]] == [
        str(second.id),
        str(first.id),
    ]
    lister, auditor = factories.api_client(market.lister), factories.api_client(market.auditor)

    def found(reader, query):
        answer = reader.get(f"/api/v1/quotes?{query}")
        assert answer.status_code == 200, answer.data
        return [quote["id"] for quote in answer.json()["results"]]

    assert found(lister, "waiting_for=vendor") == [str(first.id)]
    assert found(client, "waiting_for=buyer") == [str(second.id)]
    assert found(client, "state=offered") == [str(second.id)]
    assert found(client, f"product={market.offer.product_id}") == [str(second.id), str(first.id)]
    assert found(client, f"product={uuid.uuid4()}") == []
    assert len(found(auditor, "")) == 3
    page = client.get("/api/v1/quotes?page_size=1").json()
    assert [quote["id"] for quote in page["results"]] == [str(second.id)]
    assert [quote["id"] for quote in client.get(page["next"]).json()["results"]] == [str(first.id)]
    for query in ("state=sleeping", "waiting_for=exchange", "colour=red", "product=7"):
        assert client.get(f"/api/v1/quotes?{query}").status_code == 422, query


def queries(client, path: str) -> int:
    with CaptureQueriesContext(connection) as context:
        assert client.get(path).status_code == 200
    return len(context)


def test_a_list_costs_the_same_whatever_its_size(market, client):
    accepted(market), asked(market), offered(market)
    few = queries(client, "/api/v1/quotes")
    for _number in range(6):
        accepted(market), asked(market), offered(market)
    assert len(client.get("/api/v1/quotes").json()["results"]) == 21
    assert queries(client, "/api/v1/quotes") == few <= 3


def test_a_quote_costs_the_same_whatever_was_said(market, client):
    quote = offered(market)
    few = queries(client, f"/api/v1/quotes/{quote.id}")
    for _number in range(5):
        services.withdraw(actor=vendor(market), quote_id=quote.id)
        offered(market, quote, valid_until=in_days(3))
    assert queries(client, f"/api/v1/quotes/{quote.id}") == few <= 4


def test_a_token_needs_the_scope(market):
    asked(market)
    reader = factories.api_client(market.purchaser, ["catalog:read"])
    assert reader.get("/api/v1/quotes").status_code == 403
    reader = factories.api_client(market.purchaser, ["orders:read"])
    before = everything()
    assert reader.get("/api/v1/quotes").status_code == 200
    assert post(reader, "quotes", wish(market)).status_code == 403
    assert everything() == before


def test_important_data_is_quoted_and_ordered_once_its_purpose_is_approved(market, client):
    product = purposes.guarded_product(market, grade="important")
    quote = offered(market, asked(market, product_id=product.id))
    wanted = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
    before = everything()
    answer = post(client, f"quotes/{quote.id}/accept", wanted)
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needed")
    assert everything() == before
    purposes.approved(market, product, quote.purpose)
    answer = post(client, f"quotes/{quote.id}/accept", wanted)
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted"), answer.data
