"""Acceptance against dispute, and two words at once: first the race without compare-and-set, then that one wins."""

import threading
from functools import partial

import pytest
from django.db import transaction

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.orders import jobs, services
from market.orders.models import Charge, Dispute, Order
from market.orders.services.charging import due_at_acceptance
from market.orders.services.disputing import disputed
from market.orders.services.lines import Objection
from market.orders.services.steps import evidence
from market.orders.states import OrderState
from market.outbox.models import Job
from tests import factories
from tests.concurrency.test_orders import ROUNDS, naive_move, won_and_lost
from tests.concurrency.together import InBackground, blocked_backends, together, without_trigger
from tests.orders.test_lines import grouped
from tests.orders.trades import buyer, delivered, money, operator

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {"reason": "incomplete", "text": "March is missing."}


def vendor(market: factories.Market):
    return factories.actor_of(market.lister)


def test_without_compare_and_set_an_order_is_charged_and_disputed():
    market, meeting = factories.market(), threading.Barrier(2)
    order = delivered(market)

    def accept():
        # Jobs are recorded inside a transaction; the charge alone shows the race.
        rows = [row for row in rows_of_acceptance if not isinstance(row, Job)]
        naive_move(order.id, [OrderState.DELIVERED], OrderState.ACCEPTED, meeting, rows)

    def object_to_it():
        rows = [row for row in rows_of_dispute if not isinstance(row, Job)]
        naive_move(order.id, [OrderState.DELIVERED], OrderState.DISPUTED, meeting, rows)

    with transaction.atomic():
        rows_of_acceptance = [evidence("order.accepted", SYSTEM, order), *due_at_acceptance(order)]
        rows_of_dispute = disputed(buyer(market), [(order, *WORDS.values())])
    with without_trigger("orders_order", "orders_order_state_moves"):
        assert together([accept, object_to_it]) == [None, None]
    assert Charge.objects.filter(order=order).count() == Dispute.objects.filter(order=order).count() == 1


def test_accept_against_dispute():
    market = factories.market(funds=1_000_000)
    outcomes = set()
    for number in range(ROUNDS):
        order = delivered(market)
        calls = [
            partial(services.accept, actor=buyer(market), order_id=order.id),
            partial(services.dispute, actor=buyer(market), order_id=order.id, **WORDS),
        ]
        won, lost = won_and_lost(together(calls if number % 2 else calls[::-1]))
        assert len(won) == len(lost) == 1
        order.refresh_from_db()
        outcomes.add(order.state)
        assert lost[0].extra["state"] == order.state
        assert Charge.objects.filter(order=order).count() == (order.state == OrderState.ACCEPTED)
        assert Dispute.objects.filter(order=order).count() == (order.state == OrderState.DISPUTED)
    assert outcomes <= {OrderState.ACCEPTED, OrderState.DISPUTED}


def test_an_answer_that_waits_for_the_objection_finds_it(wait_until):
    market = factories.market(funds=1_000_000)
    order = delivered(market)
    with transaction.atomic():
        services.dispute(actor=buyer(market), order_id=order.id, **WORDS)
        answer = InBackground(
            partial(services.answer_dispute, actor=vendor(market), order_id=order.id, text="Sent again.")
        )
        wait_until(blocked_backends, "the answer to wait")
    assert answer.wait().answer == "Sent again."
    assert Dispute.objects.get(order=order).state == "awaiting_decision"


def test_partial_acceptance_against_acceptance_of_a_line():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS // 2):
        lines = grouped(market, 3)
        together(
            [
                partial(
                    services.accept_lines,
                    actor=buyer(market),
                    group_id=lines[0].group_id,
                    accept=[lines[2].id, lines[1].id],
                    dispute=[Objection(lines[0].id, *WORDS.values())],
                ),
                partial(services.accept, actor=buyer(market), order_id=lines[0].id),
            ]
        )
        states = [Order.objects.get(id=line.id).state for line in lines]
        assert states in (["accepted", "delivered", "delivered"], ["disputed", "accepted", "accepted"])
        assert Charge.objects.filter(order__in=lines).count() == states.count("accepted")


def test_answer_against_the_end_of_its_time():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = delivered(market)
        dispute = services.dispute(actor=buyer(market), order_id=order.id, **WORDS)

        def overdue(at=dispute.answer_due_at):
            with clock.frozen_at(at):
                return services.close_unanswered()

        answer = partial(services.answer_dispute, actor=vendor(market), order_id=order.id, text="It is there.")
        said, closed = together([answer, overdue])
        assert closed in (0, 1) and isinstance(said, Exception) == bool(closed)
        dispute.refresh_from_db()
        assert (dispute.state, bool(dispute.answer)) == ("awaiting_decision", not closed)


def test_escalated_twice_and_decided_at_the_same_moment():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = delivered(market)
        services.dispute(actor=buyer(market), order_id=order.id, **WORDS)
        dispute = services.answer_dispute(actor=vendor(market), order_id=order.id, text="It is there.")

        def escalate(at=dispute.decision_due_at):
            with clock.frozen_at(at):
                return services.escalate_undecided()

        decide = partial(
            services.decide_dispute, actor=operator(market), order_id=order.id, verdict="accept", grounds="We looked."
        )
        first, second, decided = together([escalate, escalate, decide])
        assert first + second in (0, 1) and decided.verdict == "accept"
        events = AuditEvent.objects.filter(subject_id=order.id, name="order.dispute_escalated")
        dispute.refresh_from_db()
        assert events.count() == first + second == (dispute.escalated_at is not None)


def test_of_many_decisions_one_counts():
    market = factories.market()
    order = delivered(market)
    services.dispute(actor=buyer(market), order_id=order.id, **WORDS)
    services.answer_dispute(actor=vendor(market), order_id=order.id, text="It is there.")
    decide = partial(services.decide_dispute, actor=operator(market), order_id=order.id, grounds="We looked.")
    calls = [partial(decide, verdict="accept"), partial(decide, verdict="refund")]
    calls += [partial(decide, verdict="partial", refund_amount=4_000)]
    won, _lost = won_and_lost(together(calls * 2))
    assert len(won) == 1
    back = {"accept": 0, "refund": 10_000, "partial": 4_000}[won[0].verdict]
    assert money(market) == (90_000 + back, 10_000 - back)
    assert Charge.objects.count() == Job.objects.filter(kind=jobs.CAPTURE).count() == (back < 10_000)
