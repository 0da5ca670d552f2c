"""python -m benchmarks.reporting SECONDS ROUNDS: fill a new database, report use, print the rates as JSON."""

import datetime
import itertools
import json
import sys
import time
from collections.abc import Callable

import django
from django.core.management import call_command
from django.db import connection, transaction

django.setup()

from accounts.states import Capacity, Role  # noqa: E402  (models exist only now)
from market.billing import services  # noqa: E402
from market.billing.entries import MAX_RECORDS  # noqa: E402
from market.billing.models import Meter, UsageRecord  # noqa: E402
from market.catalog.states import PrepaidEnd, PriceModel  # noqa: E402
from market.kernel import clock  # noqa: E402
from market.kernel.actors import Actor  # noqa: E402
from market.kernel.identifiers import uuid7  # noqa: E402
from market.orders import services as orders  # noqa: E402
from market.orders.models import Order  # noqa: E402
from tests import factories  # noqa: E402

PREPAID = 10**11
_numbers = itertools.count(1)


def main(seconds: float, rounds: int) -> None:
    """Both in turn, so that both meet the same machine."""
    call_command("migrate", verbosity=0)
    lister, order = contract()
    with connection.cursor() as cursor:
        # The same columns, checks and indexes; no foreign key, no trigger.
        cursor.execute("CREATE TABLE usage_yardstick (LIKE billing_usagerecord INCLUDING ALL)")
    report = reporting(lister, order)
    copy = copying(order)
    rate(report, 1)
    rate(copy, 1)
    found: dict[str, list[float]] = {"copied": [], "recorded": []}
    for _round in range(rounds):
        found["copied"].append(rate(copy, seconds))
        found["recorded"].append(rate(report, seconds))
    check(order)
    print(json.dumps(found))


def contract() -> tuple[Actor, Order]:
    """A metered contract that has been accepted, and who reports its use."""
    vendor, buyer = factories.organization(Capacity.VENDOR), factories.organization(Capacity.BUYER)
    purchaser = factories.actor_of(factories.member(buyer, Role.PURCHASER))
    factories.fund(buyer, PREPAID)
    product = factories.product(vendor)
    factories.revision(product)
    offer = factories.offer(
        product,
        PREPAID,
        price_model=PriceModel.METERED,
        months=12,
        unit="call",
        unit_price=3,
        free_units=1000,
        at_prepaid_end=PrepaidEnd.STOP,
    )
    order = orders.place(actor=purchaser, offer_id=offer.id, quantity=1, purpose="Measuring.", client_reference="usage")
    orders.mark_delivering(order_id=order.id)
    orders.mark_delivered(order_id=order.id)
    orders.accept(actor=purchaser, order_id=order.id)
    services.begin_meter(order_id=order.id)
    return factories.actor_of(factories.member(vendor, Role.LISTER)), order


def reporting(lister: Actor, order: Order) -> Callable[[], int]:
    """One report of as many records as one may have."""

    def act() -> int:
        now = clock.now().isoformat()
        records = [{"id": f"r{next(_numbers)}", "units": 7, "used_at": now} for _record in range(MAX_RECORDS)]
        done = services.record_usage(actor=lister, order_id=order.id, records=records)
        if {outcome.result for outcome in done.outcomes} != {"recorded"}:
            raise SystemExit("Not every record was recorded.")
        return len(records)

    return act


def copying(order: Order) -> Callable[[], int]:
    """As many rows of the same shape, by a bare COPY and a commit."""
    month = clock.business_date().replace(day=1)
    names = [field.column for field in UsageRecord._meta.concrete_fields]
    command = f"COPY usage_yardstick ({', '.join(names)}) FROM STDIN"

    def row(now: datetime.datetime) -> dict[str, object]:
        return {
            "id": uuid7(),
            "order_id": order.id,
            "buyer_org_id": order.buyer_org_id,
            "vendor_org_id": order.vendor_org_id,
            "record_id": f"r{next(_numbers)}",
            "units": 7,
            "used_at": now,
            "month": month,
            "is_trial": False,
            "drawn": 0,
            "reverses_id": None,
            "recorded_at": now,
        }

    def act() -> int:
        now = clock.now()
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(command) as copy:
            for _record in range(MAX_RECORDS):
                values = row(now)
                copy.write_row([values[name] for name in names])
        return MAX_RECORDS

    return act


def rate(act: Callable[[], int], seconds: float) -> float:
    """Rows a second."""
    started, done = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        done += act()
    return done / (time.monotonic() - started)


def check(order: Order) -> None:
    """Every record is there once, and the draws add up to what the meter says."""
    meter = Meter.objects.get(order=order)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(units), sum(drawn) FROM billing_usagerecord")
        records, units, drawn = cursor.fetchone()
    if (records, units, drawn) != (meter.records, meter.units, meter.drawn):
        raise SystemExit(f"The books do not agree: {records} records, {units} units, {drawn} fen drawn")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
