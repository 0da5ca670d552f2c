"""Subscriptions in the states that tests need: placed, delivered and accepted through the services, run by the days."""

import datetime
from typing import Any

from market.billing import tasks
from market.billing.models import Period, Subscription
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.selectors import sums_by_kind
from market.ledger.states import TransferKind
from market.orders import services as orders
from market.orders.models import Charge, Order
from market.outbox.models import Job
from market.outbox.services import perform
from market.outbox.states import JobState
from market.settlement.models import FeeSchedule
from market.settlement.services import run_settlement
from tests import factories
from tests.orders.trades import buyer, place

START = datetime.date(2027, 1, 17)
CAPTURES = (TransferKind.CAPTURE_NET, TransferKind.CAPTURE_COMMISSION, TransferKind.CAPTURE_VAT)


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def at(when: datetime.date | str) -> datetime.datetime:
    """Ten in the morning of that business day."""
    date = day(when) if isinstance(when, str) else when
    return clock.business_midnight(date) + datetime.timedelta(hours=10)


def on(when: datetime.date | str):
    """The clock stands at ten in the morning of that day."""
    return clock.frozen_at(at(when))


def work() -> None:
    """Do every job that is due, and those that they cause."""
    while found := list(Job.objects.filter(state=JobState.PENDING, due_at__lte=clock.now()).order_by("id")):
        for job in found:
            perform(job.id)
    assert not Job.objects.filter(state=JobState.DEAD).exists(), list(Job.objects.values_list("kind", "last_error"))


def beat(when: datetime.date | str) -> None:
    """What the exchange does by itself on that day, twice: the second time must do no harm."""
    with on(when):
        tasks.run_subscriptions()
        work()
        tasks.run_subscriptions()
        work()


def settle(when: datetime.date | str) -> None:
    """The settlement run of that day: what was captured before it is paid out."""
    with on(when):
        run_settlement(actor=SYSTEM, cutoff=clock.business_midnight(clock.business_date()))


def market_of_contracts(funds: int = 1_000_000) -> factories.Market:
    FeeSchedule.objects.create(version=1, commission_bps=500, effective_from=at("2026-01-01"))
    return factories.market(funds=funds)


def ordered(market: factories.Market, amount: int = 10_000, when: datetime.date | str = START, **price: Any) -> Order:
    """An order of a subscription that has been delivered."""
    quantity = price.pop("quantity", 1)
    fields = {"price_model": "subscription", "months": 3} | price
    offer = factories.offer(market.offer.product, amount, **fields)
    with on(when):
        order = place(market, offer_id=offer.id, quantity=quantity)
        work()
    order.refresh_from_db()
    return order


def accept(market: factories.Market, order: Order, when: datetime.date | str = START) -> None:
    with on(when):
        orders.accept(actor=buyer(market), order_id=order.id)
        work()


def subscribed(market: factories.Market, amount: int = 10_000, **price: Any) -> Subscription:
    """A subscription of three months (unless said otherwise) that was ordered and accepted on 17 January 2027."""
    when = price.pop("when", START)
    order = ordered(market, amount, when, **price)
    accept(market, order, when)
    return Subscription.objects.select_related("order").get(order=order)


def states(subscription: Subscription) -> list[str]:
    return list(Period.objects.filter(subscription=subscription).order_by("number").values_list("state", flat=True))


def charges(order: Order) -> list[tuple[str, int, bool]]:
    """Part, fen, and whether it was the last one; in the order of their making."""
    return list(Charge.objects.filter(order=order).order_by("id").values_list("part", "amount", "is_final"))


def money(order: Order) -> tuple[int, int, int]:
    """What the order's escrow took in, gave back, and gave to the vendor and the exchange (fen)."""
    sums = sums_by_kind(order.id)
    captured = sum(sums.get(kind, 0) for kind in CAPTURES)
    return sums.get(TransferKind.ESCROW, 0), sums.get(TransferKind.RELEASE, 0), captured
