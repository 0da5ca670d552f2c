"""Whole lives of orders, driven through the services of all rooms."""

import itertools
import uuid
from collections.abc import Callable

from accounts.states import Role
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.models import Transfer
from market.ledger.services import approve_correction, propose_adjustment, propose_reversal
from market.orders import services as orders
from market.orders.models import Order
from market.settlement.models import Capture, Payout
from market.settlement.services import (
    bounce_payout,
    confirm_payout,
    refund_captured,
    repay_receivables,
    run_settlement,
    send_payout,
    void_payout,
)
from tests import factories
from tests.settlement.trades import account_of, capture_orders, market_with_fees

_references = itertools.count(1)


def place(market: factories.Market, offer_id: uuid.UUID | None = None, quantity: int = 1) -> uuid.UUID:
    return orders.place(
        actor=factories.actor_of(market.purchaser),
        offer_id=offer_id or market.offer.id,
        quantity=quantity,
        purpose="Cold-chain planning.",
        client_reference=f"LIFE-{next(_references)}",
    ).id


def deliver(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.mark_delivering(order_id=order_id)
    orders.mark_delivered(order_id=order_id)


def fail(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.mark_delivering(order_id=order_id)
    orders.mark_delivery_failed(order_id=order_id, reason="The file is gone.")


def refund(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.refund_failed(actor=factories.actor_of(market.purchaser), order_id=order_id)


def cancel(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.cancel(actor=factories.actor_of(market.purchaser), order_id=order_id)


def accept(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.accept(actor=factories.actor_of(market.purchaser), order_id=order_id)


def dispute(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.dispute(
        actor=factories.actor_of(market.purchaser), order_id=order_id, reason="incomplete", text="March is missing."
    )


def answer(market: factories.Market, order_id: uuid.UUID) -> None:
    orders.answer_dispute(actor=factories.actor_of(market.lister), order_id=order_id, text="It is there.")


def decide(market: factories.Market, order_id: uuid.UUID, verdict: str, refund_amount: int | None = None) -> None:
    orders.decide_dispute(
        actor=factories.actor_of(market.operator),
        order_id=order_id,
        verdict=verdict,
        grounds="We looked at the file.",
        refund_amount=refund_amount,
    )


def capture(market: factories.Market, order_id: uuid.UUID) -> None:
    """As the job does it: what the vendor owes is repaid at once."""
    capture_orders([order_id])
    repay_receivables(vendor_ids=Order.objects.filter(id=order_id).values("vendor_org_id"))


def completed(market: factories.Market, count: int = 1) -> list[uuid.UUID]:
    """Orders that have been placed, delivered, accepted and captured."""
    made = [place(market) for _number in range(count)]
    for order_id in made:
        deliver(market, order_id)
        accept(market, order_id)
        capture(market, order_id)
    return made


def settle() -> None:
    run_settlement(actor=SYSTEM, cutoff=clock.now())


def give_back(market: factories.Market, order_id: uuid.UUID, amount: int | None = None) -> None:
    """Of what was captured this amount, or all that is left."""
    number = next(_references)
    refund_captured(
        actor=SYSTEM, order_id=order_id, amount=amount, reference=f"CASE-{number}", reason="A file was empty."
    )


def correct(market: factories.Market, propose: Callable, **what) -> Transfer:
    """One of the exchange's people proposes it, another one approves."""
    colleague = factories.actor_of(factories.member(market.operator.organization, Role.OPERATOR))
    correction = propose(actor=factories.actor_of(market.operator), reason="A slip of the pen.", **what)
    return approve_correction(actor=colleague, correction_id=correction.id)


def busy_market() -> factories.Market:
    """A market in which every state of an order and a payout occurs, free orders and two vendors included."""
    market = market_with_fees(funds=1_000_000)
    free = factories.offer(market.offer.product, 0)
    another = factories.product(factories.organization("vendor", name="遵义物流数据有限公司"))
    factories.revision(another)
    other_offer = factories.offer(another, 33_333)

    completed(market, 2)
    settle()
    confirm_payout(actor=SYSTEM, payout_id=Payout.objects.get().id)
    for offer_id in (other_offer.id, free.id, market.offer.id):
        order_id = place(market, offer_id)
        deliver(market, order_id)
        accept(market, order_id)
        capture(market, order_id)
    settle()
    bounced = Payout.objects.get(vendor_org_id=another.vendor_org_id)
    again = bounce_payout(actor=SYSTEM, payout_id=bounced.id, reason="AC04 closed account")
    send_payout(actor=SYSTEM, payout_id=again.id)
    waiting = bounce_payout(actor=SYSTEM, payout_id=again.id, reason="AC04 closed account")
    void_payout(actor=SYSTEM, payout_id=waiting.id, reason="Paid with the next batch.")
    order_id = place(market, other_offer.id)
    for step in (deliver, accept, capture):
        step(market, order_id)
    settle()
    together = Payout.objects.get(vendor_org_id=another.vendor_org_id, state="sent")
    bounce_payout(actor=SYSTEM, payout_id=together.id, reason="AC04 closed account")
    # Of the first order a part goes back, all of it advanced; the next capture repays it.
    first = Capture.objects.filter(vendor_org_id=market.vendor.id).earliest("id").order_id
    give_back(market, first, 1_234)

    completed(market, 2)
    states = ((), (deliver,), (fail,), (fail, refund), (cancel,), (deliver, accept))
    for steps in states:
        order_id = place(market)
        for step in steps:
            step(market, order_id)
    orders.mark_delivering(order_id=place(market))
    buyer = factories.organization("buyer", name="安顺旅游有限公司")
    factories.fund(buyer, 50_000)
    # A deposit goes back, and a vendor is made good for a fault of the exchange's.
    factories.fund(buyer, 777)
    correct(market, propose_reversal, transfer_id=Transfer.objects.filter(kind="deposit").latest("id").id)
    bank, payable = account_of(market.operator.organization, "bank"), account_of(market.vendor, "payable")
    correct(market, propose_adjustment, debit_id=bank.id, credit_id=payable.id, amount=4_321)
    return market
