"""The close of a month: a statement, its charge and the job that captures it, in one transaction."""

import datetime
import uuid

from django.db import transaction
from django.db.models import Model

from market.billing.closing import closes_for_good, set_next_close
from market.billing.models import Meter, Statement
from market.billing.services.meters import change_state, save, with_order
from market.billing.services.steps import one_by_one
from market.billing.states import MeterState
from market.catalog.pricing import Calculation, add_months, month_charge
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.ledger.services import posting
from market.orders.models import Charge
from market.orders.services.charging import back_to_wallet, capture_job, charge
from market.orders.services.steps import evidence

REST = "rest"
"""The part of an order's release that returns what metered use has not drawn."""

CLOSED = ("state", "month", "carried", "units", "records", "drawn", "charged", "closes_at", "stopped_at", "ended_at")
"""What a close changes on a meter."""


def close_due() -> int:
    """Close every month, and every contract, whose time has come; returns how many statements that made.

    One transaction a contract. Any number of callers may run at once, each takes what no other holds.
    """
    due = Meter.objects.filter(closes_at__lte=clock.now()).exclude(state=MeterState.ENDED).order_by("closes_at")
    found = [{"meter_id": meter_id} for meter_id in due.values_list("id", flat=True)]
    return one_by_one("billing.close_failed", _close_one, found)


def _close_one(meter_id: uuid.UUID) -> int:
    with posting(), transaction.atomic():
        free = with_order(Meter.objects.filter(id=meter_id))
        meter = free.select_for_update(of=("self",), skip_locked=True, no_key=True).first()
        return close_through(meter) if meter is not None else 0


def close_through(meter: Meter) -> int:
    """Close every month of a locked meter that is over by now; returns how many.

    Beat does it soon after the month; whoever acts on the meter before that does it first, so that nothing is ever
    billed in a month that is over.
    """
    now, closed = clock.now(), 0
    while meter.state != MeterState.ENDED and meter.closes_at <= now:
        insert_together(*_close(meter, now))
        closed += 1
    if closed:
        save(meter, *CLOSED)
    return closed


def _close(meter: Meter, now: datetime.datetime) -> list[Model | None]:
    order, is_final = meter.order, closes_for_good(meter)
    calculation = month_charge(order.offer.price_rule(), meter.units)
    due = charge(order, part=f"{meter.month:%Y-%m}", amount=calculation.total, is_final=is_final)
    statement = _statement(meter, calculation, due, now)
    proof = evidence(
        "statement.closed",
        SYSTEM,
        order,
        statement=str(statement.id),
        month=statement.month.isoformat(),
        units=statement.units,
        charged=statement.amount,
        is_final=is_final,
    )
    meter.charged += calculation.total
    meter.carried = meter.units = min(0, meter.units)
    meter.drawn = meter.records = 0
    rows: list[Model | None] = [due, statement, capture_job(due), proof]
    if not is_final:
        meter.month = add_months(meter.month, 1)
        set_next_close(meter)
        return rows
    return rows + _end(meter, now)


def _end(meter: Meter, now: datetime.datetime) -> list[Model | None]:
    rest = meter.available
    change_state(meter, MeterState.ENDED, ended_at=now, closes_at=None, stopped_at=None)
    return [
        back_to_wallet(meter.order, part=REST, amount=rest) if rest else None,
        evidence("meter.ended", SYSTEM, meter.order, charged=meter.charged, returned=rest),
    ]


def _statement(meter: Meter, calculation: Calculation, due: Charge, now: datetime.datetime) -> Statement:
    return Statement(
        order_id=meter.order_id,
        buyer_org_id=meter.buyer_org_id,
        vendor_org_id=meter.vendor_org_id,
        charge=due,
        month=meter.month,
        unit=meter.order.offer.unit,
        units=meter.units,
        carried=meter.carried,
        free_units=sum(line.quantity for line in calculation.lines if line.reason == "free_units"),
        records=meter.records,
        amount=calculation.total,
        currency=meter.currency,
        is_capped=calculation.is_capped,
        is_final=due.is_final,
        lines=[
            {
                "reason": line.reason,
                "tier": line.tier,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "flat": line.flat,
            }
            for line in calculation.lines
        ],
        closed_at=now,
    )
