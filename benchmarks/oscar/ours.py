"""Orders placed by ``orders.services.place``, one after the other, in one process; speaks as ``shop_orders`` does."""

import itertools
import json
import sys
import time

import django
from django.core.management import call_command

django.setup()

from django.db import connection  # noqa: E402  (models exist only now)
from django.test.utils import CaptureQueriesContext  # noqa: E402

from market.orders import services  # noqa: E402
from market.orders.models import Order  # noqa: E402
from tests import factories  # noqa: E402

PRICE = 12_345
FUNDS = 10**14
references = itertools.count(1)


def main() -> None:
    call_command("migrate", verbosity=0)
    market = factories.market(price=PRICE, funds=FUNDS)
    actor = factories.actor_of(market.purchaser)

    def place() -> None:
        services.place(
            actor=actor,
            offer_id=market.offer.id,
            quantity=1,
            purpose="To measure.",
            client_reference=f"PO-{next(references)}",
        )

    for _number in range(20):
        place()
    with CaptureQueriesContext(connection) as queries:
        place()
    answer(statements=len(queries))
    for line in sys.stdin:
        before, busy, started = Order.objects.count(), time.process_time(), time.monotonic()
        end = started + float(line)
        while time.monotonic() < end:
            place()
        took, busy = time.monotonic() - started, time.process_time() - busy
        answer(orders=Order.objects.count() - before, seconds=took, busy=busy)


def answer(**values: float) -> None:
    """One line for the measuring process."""
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
