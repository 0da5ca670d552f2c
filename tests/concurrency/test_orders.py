"""Two acts on one order at the same moment: first what happens without compare-and-set, then that one wins."""

import datetime
import threading
from functools import partial

import pytest
from django.db import transaction

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import IllegalTransition
from market.ledger.models import Transfer
from market.ledger.states import TransferKind
from market.orders import jobs, services
from market.orders.models import Order
from market.orders.services.steps import evidence, money_back
from market.orders.states import OrderState
from market.outbox.models import Job
from tests import factories
from tests.concurrency.together import together, without_trigger
from tests.orders.trades import buyer, delivered, failed, money, operator, place, post

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8


def naive_move(order_id, allowed: list[str], target: str, meeting: threading.Barrier, *rows) -> None:
    """Read the state, think, write the state: what move_state does not do."""
    state = Order.objects.get(id=order_id).state
    meeting.wait(timeout=30)
    if state in allowed:
        with transaction.atomic():
            Order.objects.filter(id=order_id).update(state=target)
            insert_together(*rows)


def later():
    return clock.now() + datetime.timedelta(days=40)


def won_and_lost(results: list) -> tuple[list, list]:
    """Results, and refusals; anything else is a fault of the machine."""
    lost = [result for result in results if isinstance(result, IllegalTransition)]
    won = [result for result in results if not isinstance(result, Exception)]
    assert len(won) + len(lost) == len(results), results
    return won, lost


def acts(order: Order, *names: str) -> int:
    return AuditEvent.objects.filter(subject_id=order.id, name__in=names).count()


def test_without_compare_and_set_an_order_is_delivered_and_its_money_back():
    market, meeting = factories.market(), threading.Barrier(2)
    order = services.mark_delivering(order_id=place(market).id)
    now = clock.now()
    Order.objects.filter(id=order.id).update(delivered_at=now, acceptance_due_at=now)
    both = [OrderState.PAID, OrderState.DELIVERING]
    back, proof = money_back([order]), evidence("order.delivered", SYSTEM, order)
    cancel = partial(naive_move, order.id, both, OrderState.CANCELLED, meeting, back)
    deliver = partial(naive_move, order.id, both, OrderState.DELIVERED, meeting, proof)
    with without_trigger("orders_order", "orders_order_state_moves"):
        assert together([cancel, deliver]) == [None, None]
    assert money(market) == (100_000, 0) and acts(order, "order.delivered") == 1


def test_without_compare_and_set_the_database_lets_one_move_through():
    market, meeting = factories.market(), threading.Barrier(2)
    order = services.mark_delivering(order_id=place(market).id)
    now = clock.now()
    Order.objects.filter(id=order.id).update(delivered_at=now, acceptance_due_at=now)
    both, before = [OrderState.PAID, OrderState.DELIVERING], money(market)
    cancel = partial(naive_move, order.id, both, OrderState.CANCELLED, meeting, money_back([order]))
    deliver = partial(naive_move, order.id, both, OrderState.DELIVERED, meeting)
    refused = [error for error in together([cancel, deliver]) if error is not None]
    assert [violated_constraint(error) for error in refused] == ["orders_order_state_moves"]
    order.refresh_from_db()
    assert money(market) == ((100_000, 0) if order.state == OrderState.CANCELLED else before)


def test_cancel_against_deliver():
    market = factories.market(funds=1_000_000)
    outcomes = set()
    for number in range(ROUNDS):
        order = services.mark_delivering(order_id=place(market).id)
        before = money(market)
        calls = [
            partial(services.cancel, actor=buyer(market), order_id=order.id),
            partial(services.mark_delivered, order_id=order.id),
        ]
        won, lost = won_and_lost(together(calls if number % 2 else calls[::-1]))
        assert len(won) == len(lost) == 1
        order.refresh_from_db()
        outcomes.add(order.state)
        assert lost[0].extra["state"] == order.state
        assert acts(order, "order.cancelled", "order.delivered") == 1
        wallet, escrow = before
        returned = order.amount if order.state == OrderState.CANCELLED else 0
        assert money(market) == (wallet + returned, escrow - returned)
    assert outcomes <= {OrderState.CANCELLED, OrderState.DELIVERED}


def test_without_compare_and_set_two_acceptances_are_two():
    market, meeting = factories.market(), threading.Barrier(2)
    order = delivered(market)

    def naive():
        proof = evidence("order.accepted", SYSTEM, order)
        naive_move(order.id, [OrderState.DELIVERED], OrderState.ACCEPTED, meeting, proof)

    together([naive] * 2)
    assert acts(order, "order.accepted") == 2


def test_accept_many_times_at_once():
    market = factories.market()
    order, client = delivered(market), factories.api_client(market.purchaser)
    answers = together([lambda: post(client, f"orders/{order.id}/accept")] * 10)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    for answer in answers:
        if answer.status_code == 409:
            assert (answer.json()["state"], answer.json()["legal_moves"]) == ("accepted", ["settled"])
    assert acts(order, "order.accepted") == 1
    assert Job.objects.filter(kind=jobs.CAPTURE, subject_id=order.charges.get().id).count() == 1


def test_accept_against_the_end_of_the_acceptance_period():
    market = factories.market(funds=1_000_000)

    def overdue():
        with clock.frozen_at(later()):
            return services.accept_overdue()

    for _round in range(ROUNDS):
        order = delivered(market)
        by_hand, by_itself = together([partial(services.accept, actor=buyer(market), order_id=order.id), overdue])
        assert not isinstance(by_itself, Exception), by_itself
        if isinstance(by_hand, Exception):
            assert isinstance(by_hand, IllegalTransition) and by_itself == 1
        else:
            assert by_itself == 0
        assert acts(order, "order.accepted") == 1
        assert Job.objects.filter(kind=jobs.CAPTURE, subject_id=order.charges.get().id).count() == 1


def test_several_beats_accept_each_order_once(monkeypatch):
    monkeypatch.setattr(services.accepting, "BATCH", 3)
    market = factories.market(funds=1_000_000)
    orders = [delivered(market) for _number in range(20)]

    def overdue():
        with clock.frozen_at(later()):
            return services.accept_overdue()

    counts = together([overdue] * 6)
    assert sum(counts) == 20, counts
    assert AuditEvent.objects.filter(name="order.accepted").count() == 20
    assert Job.objects.filter(kind=jobs.CAPTURE).count() == 20
    assert {order.state for order in Order.objects.filter(id__in=[order.id for order in orders])} == {"accepted"}


def test_a_refund_by_everybody_at_once_returns_the_money_once():
    market = factories.market(funds=1_000_000)

    def overdue():
        with clock.frozen_at(later()):
            services.refund_overdue_failures()

    for _round in range(ROUNDS):
        order = failed(market)
        calls = [
            partial(services.refund_failed, actor=buyer(market), order_id=order.id),
            partial(services.refund_failed, actor=operator(market), order_id=order.id),
            overdue,
        ]
        won_and_lost(together(calls))
        order.refresh_from_db()
        assert order.state == OrderState.REFUNDED and acts(order, "order.refunded") == 1
        assert Transfer.objects.filter(subject_id=order.id, kind=TransferKind.RELEASE).count() == 1
    assert money(market) == (1_000_000, 0)


def test_refund_against_retry():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = failed(market)
        calls = [
            partial(services.refund_failed, actor=buyer(market), order_id=order.id),
            partial(services.retry_delivery, actor=operator(market), order_id=order.id),
        ]
        won, lost = won_and_lost(together(calls))
        assert len(won) == len(lost) == 1
        order.refresh_from_db()
        refunded = order.state == OrderState.REFUNDED
        assert Job.objects.filter(kind=jobs.DELIVER, subject_id=order.id).count() == (1 if refunded else 2)
        assert Transfer.objects.filter(subject_id=order.id, kind=TransferKind.RELEASE).exists() == refunded
