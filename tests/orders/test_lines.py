"""Partial acceptance: of orders placed together some are accepted and others disputed, all of it or nothing."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.errors import Forbidden
from market.orders import jobs, services
from market.orders.errors import LinesRefused
from market.orders.models import Charge, Dispute, Order
from market.orders.services.ground import Wish
from market.orders.services.lines import Objection
from market.outbox.models import Job
from tests import factories
from tests.orders.trades import buyer, money, place, post
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db


def grouped(market: factories.Market, count: int, *, offer_ids: list | None = None) -> list[Order]:
    """Delivered orders that were placed together."""
    wishes = [
        Wish(offer_id=offer_id, quantity=1, purpose="Research", client_reference=str(uuid.uuid4()))
        for offer_id in offer_ids or [market.offer.id] * count
    ]
    placed = services.place_many(actor=buyer(market), wishes=wishes, is_atomic=True)
    for order in placed.orders:
        services.mark_delivering(order_id=order.id)
        services.mark_delivered(order_id=order.id)
    return list(Order.objects.filter(group_id=placed.group_id).order_by("id"))


def objection(order: Order, **changes) -> dict:
    return {"order": str(order.id), "reason": "incomplete", "text": "March is missing."} | changes


def wish(accept: list[Order] = (), dispute: list[Order] = ()) -> dict:
    return {"accept": [str(order.id) for order in accept], "dispute": [objection(order) for order in dispute]}


def send(market: factories.Market, lines: list[Order], body: dict, key: str | None = None):
    return post(factories.api_client(market.purchaser), f"order-groups/{lines[0].group_id}/accept", body, key)


def states(lines: list[Order]) -> list[str]:
    return list(Order.objects.filter(id__in=[line.id for line in lines]).order_by("id").values_list("state", flat=True))


def test_some_are_accepted_some_disputed_some_left():
    market = factories.market()
    lines = grouped(market, 4)
    answer = send(market, lines, wish([lines[2], lines[0]], [lines[1]]))
    assert answer.status_code == 200
    shown = [(row["id"], row["state"]) for row in answer.json()["results"]]
    assert shown == [
        (str(lines[2].id), "accepted"), (str(lines[0].id), "accepted"), (str(lines[1].id), "disputed"),
    ]  # fmt: skip
    assert answer.json()["results"][2]["next_deadline"]["what"] == "answer"
    assert states(lines) == ["accepted", "disputed", "accepted", "delivered"]
    assert set(Charge.objects.values_list("order", flat=True)) == {lines[0].id, lines[2].id}
    assert Job.objects.filter(kind=jobs.CAPTURE).count() == 2
    dispute = Dispute.objects.get()
    assert (dispute.order_id, dispute.evidence.count()) == (lines[1].id, 2)
    assert Job.objects.get(kind=jobs.DISPUTED).subject_id == lines[1].id
    assert AuditEvent.objects.filter(name="order.accepted", payload__automatic=False).count() == 2
    assert AuditEvent.objects.filter(name="order.disputed").count() == 1
    assert money(market) == (60_000, 40_000)


def test_the_same_request_again_is_answered_the_same():
    market = factories.market()
    lines = grouped(market, 2)
    first, second = (send(market, lines, wish([lines[0]], [lines[1]]), "once") for _number in range(2))
    assert first.json() == second.json() and second.headers["Idempotency-Replayed"] == "true"
    assert Charge.objects.count() == Dispute.objects.count() == 1


def test_one_line_that_cannot_refuses_all_and_says_which():
    market = factories.market()
    lines = grouped(market, 3)
    services.accept(actor=buyer(market), order_id=lines[1].id)
    client, before = factories.api_client(market.purchaser), fingerprint()
    answer = post(client, f"order-groups/{lines[0].group_id}/accept", wish([lines[0], lines[1]], [lines[2]]))
    assert (answer.status_code, answer.json()["code"]) == (409, "lines_refused")
    results = {row["order"]: row for row in answer.json()["results"]}
    assert set(results) == {str(line.id) for line in lines}
    assert results[str(lines[1].id)]["code"] == "illegal_transition"
    assert (results[str(lines[1].id)]["wish"], results[str(lines[1].id)]["state"]) == ("accept", "accepted")
    assert "code" not in results[str(lines[0].id)] and "code" not in results[str(lines[2].id)]
    assert changed(before) == []


def test_too_late_to_dispute_refuses_all():
    market = factories.market()
    lines = grouped(market, 2)
    with clock.frozen_at(lines[1].acceptance_due_at), pytest.raises(LinesRefused) as refusal:
        services.accept_lines(
            actor=buyer(market),
            group_id=lines[0].group_id,
            accept=[lines[0].id],
            dispute=[Objection(lines[1].id, "other", "No.")],
        )
    assert [row.get("code") for row in refusal.value.extra["results"]] == [None, "acceptance_period_over"]
    assert states(lines) == ["delivered", "delivered"]


@pytest.mark.parametrize("which", ["another group", "no group", "another buyer", "nobody's"])
def test_a_line_that_is_not_of_the_group_is_not_found(which):
    market = factories.market()
    lines = grouped(market, 2)
    if which == "another group":
        foreign = grouped(market, 1)[0].id
    elif which == "no group":
        foreign = place(market).id
    elif which == "another buyer":
        foreign = grouped(factories.market(), 1)[0].id
    else:
        foreign = uuid.uuid4()
    body = {"accept": [str(lines[0].id), str(foreign)]}
    assert send(market, lines, body).status_code == 404
    assert states(lines) == ["delivered", "delivered"]


def test_a_stranger_finds_no_group_and_a_vendor_may_not():
    market = factories.market()
    lines = grouped(market, 1)
    stranger = factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.OWNER))
    assert post(stranger, f"order-groups/{lines[0].group_id}/accept", wish(lines)).status_code == 404
    vendor = factories.actor_of(factories.member(market.vendor, Role.LISTER))
    with pytest.raises(Forbidden):
        services.accept_lines(actor=vendor, group_id=lines[0].group_id, accept=[lines[0].id], dispute=[])
    assert states(lines) == ["delivered"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda line: {}, "/accept"),
        (lambda line: {"accept": [str(line.id)] * 2}, "/accept/1"),
        (lambda line: {"accept": [str(line.id)], "dispute": [objection(line)]}, "/dispute/0/order"),
        (lambda line: {"dispute": [objection(line, text=" ")]}, "/dispute/0/text"),
        (lambda line: {"dispute": [objection(line, reason="mood")]}, "/dispute/0/reason"),
        (lambda line: {"accept": ["x"]}, "/accept/0"),
        (lambda line: {"accept": [str(line.id)], "extra": 1}, "/extra"),
    ],
)
def test_a_misshapen_wish(change, pointer):
    market = factories.market()
    lines = grouped(market, 1)
    answer = send(market, lines, change(lines[0]))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert states(lines) == ["delivered"]


def test_costs_the_same_however_many_lines():
    market = factories.market(funds=10_000_000)
    costs = []
    for size in (2, 8):
        lines = grouped(market, size)
        with CaptureQueriesContext(connection) as queries:
            services.accept_lines(
                actor=buyer(market),
                group_id=lines[0].group_id,
                accept=[line.id for line in lines[::2]],
                dispute=[Objection(line.id, "other", "No.") for line in lines[1::2]],
            )
        costs.append(len(queries))
    assert costs[0] == costs[1], costs


def test_what_runs_begins_line_by_line():
    market = factories.market()
    running = factories.offer(market.offer.product, 1_000, price_model="subscription", months=3)
    lines = grouped(market, 2, offer_ids=[market.offer.id, running.id])
    assert send(market, lines, wish(lines)).status_code == 200
    assert Job.objects.get(kind=jobs.BEGIN).subject_id == lines[1].id
    assert Charge.objects.get().order_id == lines[0].id
