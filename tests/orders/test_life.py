"""Any acts in any order: the table of moves is kept, every fen is where the states say, and every change is proved."""

import contextlib
import datetime
import uuid

from django.db import transaction
from django.db.models.functions import Coalesce
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import IllegalTransition
from market.ledger.models import Account, Transfer
from market.ledger.selectors import accounts_visible_to
from market.ledger.states import TransferKind
from market.orders import jobs, services
from market.orders.errors import AcceptancePeriodOver, AnswerTooLate
from market.orders.models import Order
from market.orders.selectors import money_of
from market.orders.states import DISPUTE_MOVES, HOLDS_ESCROW, ORDER_MOVES, DisputeState, OrderState
from market.outbox.models import Job
from tests import factories
from tests.orders.test_disputes import answered
from tests.orders.trades import buyer, delivered, failed, money, operator, place

FUNDS = 100_000


def decide(market: factories.Market, order_id: uuid.UUID, **verdict) -> None:
    services.decide_dispute(actor=operator(market), order_id=order_id, grounds="We looked.", **verdict)


ACTS = {
    "cancel": lambda market, order: services.cancel(actor=buyer(market), order_id=order),
    "accept": lambda market, order: services.accept(actor=buyer(market), order_id=order),
    "refund": lambda market, order: services.refund_failed(actor=operator(market), order_id=order),
    "retry": lambda market, order: services.retry_delivery(actor=operator(market), order_id=order),
    "delivering": lambda market, order: services.mark_delivering(order_id=order),
    "delivered": lambda market, order: services.mark_delivered(order_id=order),
    "failed": lambda market, order: services.mark_delivery_failed(order_id=order, reason="x"),
    "settled": lambda market, order: services.mark_settled(order_ids=[order]),
    "dispute": lambda market, order: services.dispute(
        actor=buyer(market), order_id=order, reason="other", text="Not what was described."
    ),
    "answer": lambda market, order: services.answer_dispute(
        actor=factories.actor_of(market.lister), order_id=order, text="It is."
    ),
    "decide for the vendor": lambda market, order: decide(market, order, verdict="accept"),
    "decide for the buyer": lambda market, order: decide(market, order, verdict="refund"),
    "decide in part": lambda market, order: decide(market, order, verdict="partial", refund_amount=4_321),
    "close unanswered": lambda market, order: services.close_unanswered(),
    "accept overdue": lambda market, order: services.accept_overdue(),
    "refund overdue": lambda market, order: services.refund_overdue_failures(),
}
BEGINNINGS = [place, delivered, failed, answered]
beginnings = st.tuples(*[st.sampled_from(BEGINNINGS)] * 3)
steps = st.lists(
    st.tuples(st.sampled_from(list(ACTS)), st.integers(0, 2), st.sampled_from([0, 0, 0, 4, 8])), min_size=5, max_size=25
)


class Lives(TestCase):
    @given(beginnings=beginnings, steps=steps)
    @settings(max_examples=15, deadline=None)
    def test_any_acts_in_any_order(self, beginnings, steps):
        market = factories.market(funds=FUNDS)
        orders = [begin(market, quantity=number) for number, begin in enumerate(beginnings, start=1)]
        events = AuditEvent.objects.filter(subject_type="order").count
        now = clock.now()
        for name, index, days in steps:
            now += datetime.timedelta(days=days, seconds=1)
            before, proofs = self.states(orders), events()
            with (
                clock.frozen_at(now),
                contextlib.suppress(IllegalTransition, AcceptancePeriodOver, AnswerTooLate),
                transaction.atomic(),
            ):
                ACTS[name](market, orders[index].id)
            after = self.states(orders)
            moved = [order.id for order in orders if before[order.id] != after[order.id]]
            for order_id in moved:
                (old, old_dispute), (new, new_dispute) = before[order_id], after[order_id]
                assert old == new or new in ORDER_MOVES.legal_moves(old), (name, before, after)
                assert new_dispute == old_dispute or (
                    new_dispute == DisputeState.AWAITING_ANSWER
                    if old_dispute is None
                    else new_dispute in DISPUTE_MOVES.legal_moves(old_dispute)
                )
            assert events() == proofs + len(moved)
            self.check_money(market, orders)

    @staticmethod
    def states(orders: list[Order]) -> dict:
        """Order -> its state and that of its dispute, if it has one."""
        found = Order.objects.filter(id__in=[order.id for order in orders])
        return {key: states for key, *states in found.values_list("id", "state", "dispute__state")}

    @staticmethod
    def check_money(market: factories.Market, orders: list[Order]) -> None:
        held = 0
        for order in Order.objects.filter(id__in=[order.id for order in orders]).annotate(
            back=Coalesce("dispute__refund_amount", 0)
        ):
            is_held = order.state in (*HOLDS_ESCROW, OrderState.ACCEPTED, OrderState.SETTLED)
            held += order.amount - order.back if is_held else 0
            sums = money_of(order)
            assert sums["held"] == (order.amount - order.back if is_held else 0)
            assert sums["escrowed"] == order.amount == sums["held"] + sums["returned"]
            wants_capture = order.state in (OrderState.ACCEPTED, OrderState.SETTLED)
            charges = order.charges.values_list("id", flat=True)
            assert sum(order.charges.values_list("amount", flat=True)) == (sums["held"] if wants_capture else 0)
            assert Job.objects.filter(kind=jobs.CAPTURE, subject_id__in=charges).exists() == wants_capture
            assert Job.objects.filter(kind=jobs.DELIVER, subject_id=order.id).count() == order.delivery_tries
        assert money(market) == (FUNDS - held, held)
        assert sum(account.amount for account in accounts_visible_to(SYSTEM)) == 0
        assert Transfer.objects.filter(kind=TransferKind.ESCROW).count() == len(orders)
        assert not Account.objects.filter(balance__lt=0).exists()
