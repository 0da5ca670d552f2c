"""Metered contracts in the states that tests need, through the services."""

import datetime
import itertools
from typing import Any

from market.billing import services
from market.billing.models import Meter
from market.billing.services.usage import Report
from market.kernel import clock
from market.kernel.actors import Actor
from market.orders import services as orders
from market.orders.models import Order
from market.outbox.models import Job
from market.outbox.services import perform
from market.settlement.models import FeeSchedule
from tests import factories
from tests.orders.trades import buyer, delivered

PLACED = datetime.datetime(2027, 3, 5, 2, 0, tzinfo=datetime.UTC)
"""The fifth of March, ten in the morning in Guiyang."""

CALLS = {
    "price_model": "metered",
    "months": 12,
    "unit": "call",
    "unit_price": 10_000,
    "at_prepaid_end": "stop",
}
"""One fen a call; a fen paid ahead covers one."""

_records = itertools.count(1)


def at(*moment: int) -> datetime.datetime:
    """A moment of 2027 in UTC: month, day, hour, ..."""
    return datetime.datetime(2027, *moment, tzinfo=datetime.UTC)


def vendor(market: factories.Market) -> Actor:
    return factories.actor_of(market.lister)


def metered(
    market: factories.Market, prepaid: int = 10_000, placed_at: datetime.datetime = PLACED, **price: Any
) -> Order:
    """An accepted order of metered use that began to count at ``placed_at``; ``prepaid`` fen lie in escrow."""
    if not FeeSchedule.objects.exists():
        FeeSchedule.objects.create(
            version=1, commission_bps=500, effective_from=placed_at - datetime.timedelta(days=365)
        )
    offer = factories.offer(market.offer.product, prepaid, **CALLS | price)
    with clock.frozen_at(placed_at):
        order = delivered(market, offer_id=offer.id)
        order = orders.accept(actor=buyer(market), order_id=order.id)
        services.begin_meter(order_id=order.id)
    return order


def meter_of(order: Order) -> Meter:
    return Meter.objects.get(order=order)


def use(units: int = 1, used_at: datetime.datetime | None = None, **changes: Any) -> dict[str, Any]:
    """A well-formed record of use at ``used_at`` (now by default)."""
    moment = (used_at or clock.now()).isoformat()
    return {"id": f"r-{next(_records)}", "units": units, "used_at": moment} | changes


def back(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A record that takes another back."""
    return {"id": f"back-{record['id']}", "reverses": record["id"]} | changes


def report(market: factories.Market, order: Order, *records: dict[str, Any]) -> Report:
    return services.record_usage(actor=vendor(market), order_id=order.id, records=list(records))


def results(done: Report) -> list[str]:
    """What became of each record: ``recorded``, ``duplicate``, or the code of what is wrong."""
    return [outcome.problem.code if outcome.problem else outcome.result for outcome in done.outcomes]


def run_jobs(kind: str) -> int:
    """Do every job of that kind that waits, each at the moment it is due; returns how many."""
    waiting = list(Job.objects.filter(kind=kind, state="pending").order_by("id"))
    for job in waiting:
        with clock.frozen_at(max(clock.now(), job.due_at)):
            perform(job.id)
    return len(waiting)
