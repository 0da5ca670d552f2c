"""Many orders in one request: each by the rules of one, all read and inserted at once."""

import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.api.models import IdempotentReply
from market.audit.models import AuditEvent
from market.catalog.models import Offer
from market.catalog.states import OfferState
from market.ledger.models import Account, Transfer
from market.ledger.states import AccountKind
from market.orders import services
from market.orders.models import Order, OrderTerms
from market.outbox.models import Job
from market.settlement.services import reconcile
from tests import factories
from tests.concurrency.together import InBackground, blocked_backends, together
from tests.orders.trades import money, place, post, wish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market() -> factories.Market:
    """A price of 100.00 yuan and 1,000.00 in the wallet."""
    return factories.market()


@pytest.fixture
def client(market):
    return factories.api_client(market.purchaser)


def bulk(client, lines: list, key: str | None = None, atomic: bool = False):
    return post(client, "orders/bulk", {"atomic": atomic, "lines": lines}, key=key)


def everything() -> list[int]:
    return [model.objects.count() for model in (Order, OrderTerms, Transfer, AuditEvent, Job, IdempotentReply)]


def codes(answer) -> list[str]:
    """What became of each line: the order's state or the problem's code."""
    return [line["order"]["state"] if "order" in line else line["problem"]["code"] for line in answer.json()["results"]]


def test_lines_are_orders_like_any_other_and_a_group(market, client):
    lines = [wish(market, quantity=number) for number in (1, 2, 3)]
    answer = bulk(client, lines, atomic=True)
    assert answer.status_code == 201, answer.content
    result = answer.json()
    assert (result["placed"], result["refused"]) == (3, 0)
    assert [line["index"] for line in result["results"]] == [0, 1, 2]
    assert money(market) == (40_000, 60_000)
    single = post(client, "orders", wish(market)).json()
    for line, wanted in zip(result["results"], lines, strict=True):
        order = line["order"]
        assert (order["client_reference"], order["quantity"]) == (wanted["client_reference"], wanted["quantity"])
        assert order["group"] == result["group"] and order.keys() == single.keys()
        assert client.get(f"/api/v1/orders/{order['id']}").json()["money"]["held"] == order["amount"]
        terms = client.get(f"/api/v1/orders/{order['id']}/terms").json()
        assert terms["sha256"] == order["terms_sha256"]
    assert single["group"] is None
    assert Job.objects.filter(kind="delivery.deliver").count() == 4
    assert AuditEvent.objects.filter(name="order.placed").count() == 4
    group = client.get(answer["Location"]).json()
    assert group["totals"] == [{"state": "paid", "currency": "CNY", "lines": 3, "amount": 60_000}]
    assert [order["id"] for order in group["results"]] == [line["order"]["id"] for line in result["results"]][::-1]
    assert reconcile().is_clean


def test_a_group_is_seen_by_its_two_sides_only(market, client):
    other = factories.product(factories.organization(Capacity.VENDOR))
    factories.revision(other)
    address = bulk(client, [wish(market), wish(market, offer=str(factories.offer(other).id))])["Location"]
    assert len(client.get(address).json()["results"]) == 2
    seller = factories.api_client(market.lister).get(address).json()
    assert len(seller["results"]) == 1 and seller["totals"][0]["lines"] == 1
    stranger = factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.OWNER))
    assert stranger.get(address).status_code == 404
    assert client.get(f"/api/v1/order-groups/{uuid.uuid4()}").status_code == 404


def test_each_line_is_judged_by_itself_and_in_order(market, client):
    withdrawn = factories.offer(market.offer.product)
    Offer.objects.filter(id=withdrawn.id).update(state=OfferState.WITHDRAWN)
    earlier = place(market, client_reference="PO-1")
    own = wish(market)
    lines = [
        wish(market, quantity=8),  # leaves 100.00 of the 900.00
        wish(market, quantity=2),
        {**own, "amount": 5},
        own,
        own,  # the same reference again
        wish(market, client_reference="PO-1"),
        wish(market, offer=str(withdrawn.id)),
        wish(market, offer=str(uuid.uuid4())),
        wish(market, quantity=0),
        wish(market, quantity="1"),
        "no object",
        wish(market, wait_for_funds=True),
    ]
    answer = bulk(client, lines)
    assert answer.status_code == 201
    assert codes(answer) == [
        "paid",
        "insufficient_funds",
        "invalid_input",
        "paid",
        "client_reference_taken",
        "client_reference_taken",
        "offer_not_orderable",
        "not_found",
        "invalid_input",
        "invalid_input",
        "invalid_input",
        "awaiting_funds",
    ]
    problems = {line["index"]: line.get("problem") for line in answer.json()["results"]}
    assert (problems[1]["needed"], problems[1]["available"]) == (20_000, 10_000)
    assert problems[1]["instance"] == "/api/v1/orders/bulk#/lines/1"
    assert problems[2]["errors"][0]["pointer"] == "/amount"
    assert problems[5]["order"] == str(earlier.id)
    assert problems[8]["errors"][0]["pointer"] == problems[9]["errors"][0]["pointer"] == "/quantity"
    assert money(market) == (0, 100_000)
    assert reconcile().is_clean


def test_a_line_is_refused_as_the_same_request_alone_would_be(market, client):
    for changes in (
        {"quantity": 0},
        {"quantity": None},
        {"purpose": " "},
        {"offer": "7"},
        {"client_reference": "a\nb"},
    ):
        wanted = wish(market) | changes
        alone = post(client, "orders", wanted).json()
        line = bulk(client, [wanted]).json()["results"][0]["problem"]
        assert {**line, "instance": alone["instance"]} == alone


def test_all_or_nothing_changes_nothing(market, client):
    before = everything()
    refused = bulk(client, [wish(market, quantity=6), wish(market, quantity=6), wish(market, quantity=0)], atomic=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "bulk_refused")
    assert [(line["index"], line["problem"]["code"]) for line in refused.json()["lines"]] == [
        (1, "insufficient_funds"),
        (2, "invalid_input"),
    ]
    assert everything() == before and money(market) == (100_000, 0)


def test_limits_hold_over_the_lines_together(market, client):
    finance = factories.actor_of(factories.member(market.buyer, Role.FINANCE))
    services.set_limit(actor=finance, membership_id=None, amount=25_000)
    # The third is beyond the limit; the fourth is within it, for the one refused before it took nothing.
    lines = [wish(market), wish(market, quantity=2), wish(market, offer=str(uuid.uuid4())), wish(market)]
    assert codes(bulk(client, lines)) == ["paid", "awaiting_approval", "not_found", "paid"]
    assert post(client, "orders", wish(market)).json()["state"] == "awaiting_approval"
    assert money(market) == (80_000, 20_000)


def test_funds_that_a_refused_line_would_have_taken_are_left(market, client):
    finance = factories.actor_of(factories.member(market.buyer, Role.FINANCE))
    services.set_limit(actor=finance, membership_id=None, amount=110_000)
    assert codes(bulk(client, [wish(market, quantity=11), wish(market, quantity=10)])) == ["insufficient_funds", "paid"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/atomic"),
        ({"atomic": 1, "lines": [{}]}, "/atomic"),
        ({"atomic": True, "lines": []}, "/lines"),
        ({"atomic": True, "lines": {}}, "/lines"),
        ({"atomic": True, "lines": [{}] * 1001}, "/lines"),
        ({"atomic": True, "lines": [{}], "group": "mine"}, "/group"),
    ],
)
def test_the_envelope_is_checked(client, body, pointer):
    before = everything()
    answer = post(client, "orders/bulk", body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert everything() == before


def test_who_may_not_order_may_not_order_many(market):
    people = (factories.member(market.buyer, Role.FINANCE), market.lister, market.operator)
    clients = [factories.api_client(membership) for membership in people]
    before = everything()
    for client in clients:
        assert bulk(client, [wish(market)]).status_code == 403
    assert everything() == before


def test_work_does_not_grow_with_the_lines(market, client):
    factories.fund(market.buyer, 10_000_000)

    def queries(lines: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bulk(client, [wish(market) for _line in range(lines)]).json()["placed"] == lines
        return len(captured)

    assert queries(2) == queries(40)


# --- Requests that meet -----------------------------------------------------------------------------------------------


def test_the_same_key_twice_at_once_is_one_group(market, client, wait_until):
    lines = [wish(market), wish(market)]
    with transaction.atomic():
        Account.objects.select_for_update().get(organization=market.buyer, kind=AccountKind.WALLET)
        first = InBackground(lambda: bulk(client, lines, key="k"))
        wait_until(lambda: blocked_backends() == 1, "the first request to reach the wallet")
        second = bulk(client, lines, key="k")
        assert (second.status_code, second.json()["code"]) == (409, "request_in_flight")
    assert first.wait().status_code == 201
    again = bulk(client, lines, key="k")
    assert (again.json(), again["Idempotency-Replayed"]) == (first.result.json(), "true")
    assert again["Location"] == first.result["Location"]
    assert Order.objects.count() == 2 and money(market) == (80_000, 20_000)


def test_two_requests_share_the_last_fen(market, client):
    answers = together([lambda: bulk(client, [wish(market) for _line in range(7)])] * 2)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert sorted(answer.json()["placed"] for answer in answers) == [3, 7]
    assert money(market) == (0, 100_000) and Order.objects.count() == 10
    loser = min(answers, key=lambda answer: answer.json()["placed"])
    assert codes(loser) == ["paid"] * 3 + ["insufficient_funds"] * 4


def test_of_two_that_want_all_or_nothing_one_gets_all(market, client):
    answers = together([lambda: bulk(client, [wish(market) for _line in range(7)], atomic=True)] * 2)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert money(market) == (30_000, 70_000) and Order.objects.count() == 7


def test_one_client_reference_in_two_requests_is_one_order(market, client):
    """Bulk against bulk, and against single orders, which take wallet and reference in the other order."""
    lines = [wish(market), wish(market)]
    calls = [lambda: bulk(client, lines), lambda: bulk(client, lines[::-1])]
    calls += [lambda line=line: post(client, "orders", line) for line in lines]
    answers = together(calls)
    assert {answer.status_code for answer in answers} <= {200, 201, 409}, answers
    assert Order.objects.count() == 2 and money(market) == (80_000, 20_000)
    assert reconcile().is_clean
