"""Disputes through the services and over HTTP: who may say what, until when, and what becomes of the money."""

import datetime
import hashlib
import json
from functools import partial

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.database import violated_constraint
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.orders import jobs, services
from market.orders.errors import AcceptancePeriodOver, AnswerTooLate
from market.orders.models import Charge, Dispute, Order
from market.orders.selectors import acts_open_to, money_of, next_deadline, timeline
from market.orders.states import DisputeState, OrderState
from market.outbox.models import Job
from market.settlement.services import capture_many, reconcile
from tests import factories
from tests.orders.trades import buyer, delivered, money, operator, post
from tests.settlement import lives
from tests.settlement.trades import market_with_fees

pytestmark = pytest.mark.django_db
ANSWER_TIME = datetime.timedelta(days=settings.DISPUTE_ANSWER_DAYS)
DECISION_TIME = datetime.timedelta(days=settings.DISPUTE_DECISION_DAYS)
SUBSCRIPTION = {"price_model": "subscription", "months": 3}


def vendor(market: factories.Market):
    return factories.actor_of(market.lister)


def disputed(market: factories.Market, **changes) -> Order:
    order = delivered(market, **changes)
    services.dispute(actor=buyer(market), order_id=order.id, reason="incomplete", text="March is missing.")
    return current(order)


def answered(market: factories.Market, **changes) -> Order:
    order = disputed(market, **changes)
    services.answer_dispute(actor=vendor(market), order_id=order.id, text="It is in the second file.")
    return current(order)


def decide(market: factories.Market, order: Order, verdict: str, **more) -> Order:
    services.decide_dispute(
        actor=operator(market), order_id=order.id, verdict=verdict, grounds="We looked at the file.", **more
    )
    return current(order)


def current(order: Order) -> Order:
    return Order.objects.select_related("offer", "dispute").get(id=order.id)


def names(order: Order) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=order.id).order_by("id").values_list("name", flat=True))


def nothing_changed(order: Order, act, error: type[Exception]) -> None:
    """The act is refused, and leaves order, dispute, evidence, money and jobs as they were."""

    def everything():
        return (
            list(Order.objects.values()),
            list(Dispute.objects.values()),
            names(order),
            Job.objects.count(),
            Charge.objects.count(),
            money_of(order),
        )

    before = everything()
    with pytest.raises(error), transaction.atomic():
        act()
    assert everything() == before


class TestOpening:
    def test_keeps_the_money_and_attaches_what_is_known(self):
        market = factories.market()
        order = disputed(market)
        dispute = order.dispute
        assert (order.state, dispute.state) == (OrderState.DISPUTED, DisputeState.AWAITING_ANSWER)
        assert (dispute.reason, dispute.text, dispute.amount) == ("incomplete", "March is missing.", 10_000)
        assert dispute.answer_due_at - dispute.opened_at == ANSWER_TIME
        assert money(market) == (90_000, 10_000)
        evidence = {row.kind: row for row in dispute.evidence.all()}
        assert set(evidence) == {"contract", "history"}
        for row in evidence.values():
            assert hashlib.sha256(row.document.encode()).hexdigest() == row.sha256
        assert json.loads(evidence["contract"].document)["terms_sha256"] == order.terms_sha256
        history = json.loads(evidence["history"].document)
        assert [act["name"] for act in history["acts"]] == ["order.placed", "order.delivering", "order.delivered"]
        assert [leg["amount"] for leg in history["money"]] == [10_000]
        assert Job.objects.get(kind=jobs.DISPUTED).subject_id == order.id
        proof = AuditEvent.objects.get(name="order.disputed").payload
        assert proof["text_sha256"] == hashlib.sha256(b"March is missing.").hexdigest()
        assert "March" not in json.dumps(proof)

    def test_only_the_buyer_may(self):
        market = factories.market()
        order = delivered(market)
        act = partial(services.dispute, order_id=order.id, reason="other", text="No.")
        stranger = factories.actor_of(factories.member(factories.organization(Capacity.BUYER), Role.OWNER))
        nothing_changed(order, lambda: act(actor=stranger), NotFound)
        for person in (vendor(market), operator(market), factories.actor_of(factories.member(market.vendor, "owner"))):
            nothing_changed(order, lambda person=person: act(actor=person), Forbidden)

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [({"reason": "mood"}, "/reason"), ({"text": "  "}, "/text"), ({"text": "x" * 5001}, "/text")],
    )
    def test_needs_a_reason_and_words(self, change, pointer):
        market = factories.market()
        order = delivered(market)
        wish = {"reason": "other", "text": "No."} | change
        with pytest.raises(InvalidInput) as refusal:
            services.dispute(actor=buyer(market), order_id=order.id, **wish)
        assert list(refusal.value.errors) == [pointer]
        assert not Dispute.objects.exists()

    def test_only_within_the_acceptance_period(self):
        market = factories.market()
        order = delivered(market)
        act = partial(services.dispute, actor=buyer(market), order_id=order.id, reason="other", text="No.")
        with clock.frozen_at(order.acceptance_due_at):
            assert "dispute" not in acts_open_to(buyer(market), order)
            nothing_changed(order, act, AcceptancePeriodOver)
        with clock.frozen_at(order.acceptance_due_at - datetime.timedelta(seconds=1)):
            assert "dispute" in acts_open_to(buyer(market), order)
            act()
        nothing_changed(order, act, IllegalTransition)

    def test_stops_acceptance(self):
        market = factories.market()
        order = disputed(market)
        nothing_changed(order, lambda: services.accept(actor=buyer(market), order_id=order.id), IllegalTransition)
        with clock.frozen_at(order.acceptance_due_at + datetime.timedelta(days=90)):
            assert services.accept_overdue() == 0


class TestAnswering:
    def test_hands_the_dispute_to_the_operator(self):
        market = factories.market()
        order = disputed(market)
        assert next_deadline(order) == {"what": "answer", "at": order.dispute.answer_due_at}
        assert acts_open_to(vendor(market), order) == ["answer_dispute"]
        assert acts_open_to(operator(market), order) == []
        services.answer_dispute(actor=vendor(market), order_id=order.id, text=" It is there. ")
        order = current(order)
        assert (order.dispute.state, order.dispute.answer) == (DisputeState.AWAITING_DECISION, "It is there.")
        dispute = order.dispute
        assert next_deadline(order) == {"what": "decision", "at": dispute.decision_due_at}
        assert dispute.decision_due_at == dispute.answered_at + DECISION_TIME
        assert acts_open_to(vendor(market), order) == []
        assert acts_open_to(operator(market), order) == ["decide_dispute"]

    def test_once(self):
        market = factories.market()
        order = answered(market)
        again = partial(services.answer_dispute, actor=vendor(market), order_id=order.id, text="More.")
        nothing_changed(order, again, IllegalTransition)

    def test_only_the_vendor_may(self):
        market = factories.market()
        order = disputed(market)
        other = factories.actor_of(factories.member(factories.organization(Capacity.VENDOR), Role.LISTER))
        owner_of_the_buyer = factories.actor_of(factories.member(market.buyer, Role.OWNER))
        act = partial(services.answer_dispute, order_id=order.id, text="It is there.")
        nothing_changed(order, lambda: act(actor=other), NotFound)
        nothing_changed(order, lambda: act(actor=owner_of_the_buyer), Forbidden)
        nothing_changed(order, lambda: act(actor=factories.actor_of(market.vendor_finance)), Forbidden)

    def test_in_time_and_after_it_the_operator_decides_without(self):
        market = factories.market()
        order = disputed(market)
        nothing_changed(order, lambda: decide(market, order, "refund"), IllegalTransition)
        assert services.close_unanswered() == 0
        with clock.frozen_at(order.dispute.answer_due_at):
            assert acts_open_to(vendor(market), order) == []
            late = partial(services.answer_dispute, actor=vendor(market), order_id=order.id, text="Wait!")
            nothing_changed(order, late, AnswerTooLate)
            assert services.close_unanswered() == 1
            assert services.close_unanswered() == 0
        assert names(order)[-1] == "order.dispute_unanswered"
        assert current(order).dispute.decision_due_at == order.dispute.answer_due_at + DECISION_TIME
        assert decide(market, order, "refund").state == OrderState.REFUNDED


class TestDeciding:
    def test_for_the_vendor(self):
        market = factories.market()
        order = decide(market, answered(market), "accept")
        assert (order.state, order.dispute.state, order.dispute.refund_amount) == ("accepted", "decided", 0)
        charge = order.charges.get()
        assert (charge.part, charge.amount, charge.is_final) == ("whole", 10_000, True)
        assert Job.objects.get(kind=jobs.CAPTURE).subject_id == charge.id
        assert money(market) == (90_000, 10_000)

    def test_for_the_buyer(self):
        market = factories.market()
        order = decide(market, answered(market), "refund")
        assert (order.state, order.dispute.refund_amount) == (OrderState.REFUNDED, 10_000)
        assert money(market) == (100_000, 0)
        assert not order.charges.exists()
        assert Job.objects.get(kind=jobs.REVOKE).subject_id == order.id

    def test_in_part(self):
        market = factories.market()
        order = decide(market, answered(market), "partial", refund_amount=3_000)
        assert (order.state, order.dispute.refund_amount) == (OrderState.ACCEPTED, 3_000)
        charge = order.charges.get()
        assert (charge.part, charge.amount, charge.is_final) == ("dispute", 7_000, True)
        assert money(market) == (93_000, 7_000)
        assert not Job.objects.filter(kind=jobs.REVOKE).exists()
        story = [moment for moment in timeline(buyer(market), order) if moment.name == "order.dispute_decided"]
        assert story[0].details["returned"] == 3_000

    @pytest.mark.parametrize("refund_amount", [0, -1, 10_000, 10_001])
    def test_a_part_is_between_nothing_and_all(self, refund_amount):
        market = factories.market()
        order = answered(market)
        nothing_changed(order, lambda: decide(market, order, "partial", refund_amount=refund_amount), InvalidInput)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"verdict": "partial"},
            {"verdict": "accept", "refund_amount": 1},
            {"verdict": "maybe"},
            {"verdict": "accept", "grounds": " "},
        ],
    )
    def test_needs_a_whole_decision(self, wrong):
        market = factories.market()
        order = answered(market)
        wish = {"grounds": "We looked."} | wrong
        act = partial(services.decide_dispute, actor=operator(market), order_id=order.id, **wish)
        nothing_changed(order, act, InvalidInput)

    def test_once_and_by_an_operator_only(self):
        market = factories.market()
        order = answered(market)
        for person in (buyer(market), vendor(market), factories.actor_of(market.auditor)):
            act = partial(services.decide_dispute, actor=person, order_id=order.id, verdict="accept", grounds="Ours.")
            nothing_changed(order, act, Forbidden)
        order = decide(market, order, "accept")
        for verdict in ("accept", "refund"):
            nothing_changed(order, lambda verdict=verdict: decide(market, order, verdict), IllegalTransition)

    def test_late_is_escalated_once_and_moves_no_money(self, client):
        market = factories.market(funds=50_000)
        late, in_time = answered(market), answered(market)
        due = late.dispute.decision_due_at
        with clock.frozen_at(due - datetime.timedelta(seconds=1)):
            decide(market, in_time, "accept")
            assert services.escalate_undecided() == 0
        before = money(market)
        with clock.frozen_at(due):
            assert services.escalate_undecided() == 1
            assert services.escalate_undecided() == 0
            client.force_login(market.operator.user)
            assert "1 dispute should have been decided by now." in client.get("/admin/").content.decode()
        late = current(late)
        assert (late.dispute.escalated_at, late.state, money(market)) == (due, "disputed", before)
        assert names(late)[-1] == "order.dispute_escalated" and "order.dispute_escalated" not in names(in_time)
        assert next_deadline(late) is None
        with clock.frozen_at(due + datetime.timedelta(days=1)):
            assert decide(market, late, "refund").dispute.escalated_at == due
            assert "should have been decided" not in client.get("/admin/").content.decode()

    def test_a_free_order_is_refunded_nothing(self):
        market = factories.market()
        free = factories.offer(market.offer.product, 0)
        order = decide(market, answered(market, offer_id=free.id), "refund")
        assert order.state == OrderState.REFUNDED
        assert money(market) == (100_000, 0)

    def test_what_runs_begins_or_is_refunded_whole(self):
        market = factories.market()
        offer = factories.offer(market.offer.product, 1_000, **SUBSCRIPTION)
        first, second = (answered(market, offer_id=offer.id) for _number in range(2))
        nothing_changed(first, lambda: decide(market, first, "partial", refund_amount=1), InvalidInput)
        assert decide(market, first, "accept").state == OrderState.ACCEPTED
        assert Job.objects.get(kind=jobs.BEGIN).subject_id == first.id
        assert not Charge.objects.exists()
        assert decide(market, second, "refund").state == OrderState.REFUNDED
        assert money(market) == (97_000, 3_000)


def test_all_of_it_adds_up():
    """Every outcome at once, captured and settled: the books are clean."""
    market = market_with_fees(funds=1_000_000)
    decide(market, answered(market), "accept")
    decide(market, answered(market), "refund")
    decide(market, answered(market), "partial", refund_amount=1)
    disputed(market)
    assert reconcile().is_clean
    assert capture_many(charge_ids=list(Charge.objects.values_list("id", flat=True))) == 2
    assert reconcile().is_clean
    lives.settle()
    assert Order.objects.filter(state=OrderState.SETTLED).count() == 2
    assert reconcile().is_clean


class TestOverHttp:
    def test_a_whole_dispute(self):
        market = factories.market()
        order = delivered(market)
        theirs, ours, judge = (
            factories.api_client(person) for person in (market.purchaser, market.lister, market.operator)
        )
        assert theirs.get(f"/api/v1/orders/{order.id}/dispute").status_code == 404
        opened = post(theirs, f"orders/{order.id}/dispute", {"reason": "incomplete", "text": "March is missing."}, "k1")
        assert opened.status_code == 201
        body = opened.json()
        assert (body["state"], body["order_state"], body["amount"]) == ("awaiting_answer", "disputed", 10_000)
        assert {row["kind"] for row in body["evidence"]} == {"contract", "history"}
        again = post(theirs, f"orders/{order.id}/dispute", {"reason": "incomplete", "text": "March is missing."}, "k1")
        assert again.json() == body and again.headers["Idempotency-Replayed"] == "true"
        shown = theirs.get(f"/api/v1/orders/{order.id}").json()
        assert shown["next_deadline"] == {"what": "answer", "at": body["answer_due_at"]}

        early = post(judge, f"orders/{order.id}/dispute/decision", {"verdict": "refund", "grounds": "So it is."})
        assert (early.status_code, early.json()["state"]) == (409, "awaiting_answer")
        said = post(ours, f"orders/{order.id}/dispute/answer", {"text": "It is in the second file."})
        assert (said.status_code, said.json()["state"]) == (200, "awaiting_decision")
        wish = {"verdict": "partial", "refund_amount": 4_000, "grounds": "Half is missing."}
        decided = post(judge, f"orders/{order.id}/dispute/decision", wish)
        assert (decided.status_code, decided.json()["order_state"]) == (200, "accepted")
        seen = theirs.get(f"/api/v1/orders/{order.id}/dispute").json()
        assert (seen["verdict"], seen["refund_amount"], seen["answer"]) == (
            "partial",
            4_000,
            "It is in the second file.",
        )
        told = [line["name"] for line in ours.get(f"/api/v1/orders/{order.id}/timeline").json()["results"]]
        assert told[-4:] == ["order.disputed", "order.dispute_answered", "order.dispute_decided", "money.release"]
        assert theirs.get(f"/api/v1/orders/{order.id}").json()["money"]["returned"] == 4_000

    @pytest.mark.parametrize("body", [{}, {"reason": "incomplete"}, {"reason": "incomplete", "text": "x", "y": 1}])
    def test_a_misshapen_objection(self, body):
        market = factories.market()
        order = delivered(market)
        assert post(factories.api_client(market.purchaser), f"orders/{order.id}/dispute", body).status_code == 422
        assert not Dispute.objects.exists()

    def test_a_list_of_disputed_orders_costs_no_query_a_row(self):
        market = factories.market(funds=1_000_000)
        client = factories.api_client(market.purchaser)
        costs = []
        for _round in range(2):
            disputed(market)
            with CaptureQueriesContext(connection) as queries:
                assert client.get("/api/v1/orders").status_code == 200
            costs.append(len(queries))
        assert costs[0] == costs[1]


@pytest.mark.parametrize(
    ("state", "sql", "constraint"),
    [
        ("awaiting_answer", "UPDATE orders_dispute SET text = 'x'", "orders_dispute_is_immutable"),
        ("awaiting_answer", "UPDATE orders_dispute SET amount = 1", "orders_dispute_is_immutable"),
        ("awaiting_answer", "UPDATE orders_dispute SET answer_due_at = now()", "orders_dispute_is_immutable"),
        ("awaiting_answer", "UPDATE orders_dispute SET grounds = 'x'", "orders_dispute_is_immutable"),
        (
            "awaiting_answer",
            "UPDATE orders_dispute SET answer = 'x', answered_at = now()",
            "dispute_answered_when_said",
        ),
        ("awaiting_answer", "UPDATE orders_dispute SET state = 'decided'", "orders_dispute_state_moves"),
        ("awaiting_answer", "DELETE FROM orders_dispute", "orders_dispute_is_immutable"),
        ("awaiting_answer", "UPDATE orders_dispute SET escalated_at = now()", "orders_dispute_is_immutable"),
        (
            "awaiting_answer",
            "UPDATE orders_dispute SET state = 'awaiting_decision'",
            "dispute_decision_due_when_awaited",
        ),
        ("awaiting_decision", "UPDATE orders_dispute SET decision_due_at = now()", "orders_dispute_is_immutable"),
        ("awaiting_decision", "UPDATE orders_dispute SET answer = 'y'", "orders_dispute_is_immutable"),
        ("awaiting_decision", "UPDATE orders_dispute SET state = 'awaiting_answer'", "orders_dispute_state_moves"),
        ("awaiting_decision", "UPDATE orders_dispute SET state = 'decided'", "dispute_decided_with_grounds"),
        (
            "awaiting_decision",
            "UPDATE orders_dispute SET state = 'decided', decided_at = now(), grounds = 'x', verdict = 'accept'",
            "dispute_decided_with_grounds",
        ),
        (
            "awaiting_decision",
            "UPDATE orders_dispute SET state = 'decided', decided_at = now(), grounds = 'x', verdict = 'partial',"
            " refund_amount = amount",
            "dispute_refund_fits_verdict",
        ),
        (
            "awaiting_decision",
            "UPDATE orders_dispute SET state = 'decided', decided_at = now(), grounds = 'x', verdict = 'accept',"
            " refund_amount = 1",
            "dispute_refund_fits_verdict",
        ),
        (
            "awaiting_decision",
            "UPDATE orders_disputeevidence SET document = '{}'",
            "orders_disputeevidence_is_immutable",
        ),
        ("awaiting_decision", "DELETE FROM orders_disputeevidence", "orders_disputeevidence_is_immutable"),
        (
            "awaiting_decision",
            "INSERT INTO orders_dispute SELECT (jsonb_populate_record(d,"
            " jsonb_build_object('id', gen_random_uuid()))).* FROM orders_dispute AS d",
            "orders_dispute_order_id_key",
        ),
    ],
)
def test_in_the_database_what_was_said_stays(state, sql, constraint):
    market = factories.market()
    order = disputed(market) if state == "awaiting_answer" else answered(market)
    before = Dispute.objects.values().get()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert violated_constraint(refusal.value) == constraint
    assert Dispute.objects.values().get() == before and order.state == OrderState.DISPUTED
