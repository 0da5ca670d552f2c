"""The yardstick: orders placed by django-oscar's own service layer, one after the other, in one process.

Reads lines from standard input: a number of seconds. Answers each with the orders placed, the seconds it took, and the
seconds of processor time (``busy``) that this process used.
"""

import itertools
import json
import sys
import time
from decimal import Decimal

import django
from django.core.management import call_command

django.setup()

from django.contrib.auth.models import User  # noqa: E402  (models exist only now)
from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from oscar.apps.checkout.calculators import OrderTotalCalculator  # noqa: E402
from oscar.apps.checkout.mixins import OrderPlacementMixin  # noqa: E402
from oscar.apps.partner.strategy import Default  # noqa: E402
from oscar.apps.shipping.repository import Repository  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402

Basket = get_model("basket", "Basket")
Order = get_model("order", "Order")
Source = get_model("payment", "Source")
numbers = itertools.count(1)


def open_shop():
    """One customer, and one product that is not shipped; its stock is kept, as it is unless a shop says otherwise."""
    call_command("migrate", verbosity=0)
    kind = get_model("catalogue", "ProductClass").objects.create(name="data", requires_shipping=False)
    product = get_model("catalogue", "Product").objects.create(title="Weather", product_class=kind)
    partner = get_model("partner", "Partner").objects.create(name="Vendor")
    get_model("partner", "StockRecord").objects.create(
        product=product,
        partner=partner,
        partner_sku="W",
        price=Decimal("123.45"),
        price_currency="CNY",
        num_in_stock=10**9,
    )
    paid_by = get_model("payment", "SourceType").objects.create(name="Wallet")
    return User.objects.create_user("buyer"), product, paid_by


def place(user, product, paid_by) -> None:
    """Basket, total, order with lines, price breakdown and payment; in one transaction, as ATOMIC_REQUESTS makes it."""
    with transaction.atomic():
        basket = Basket.objects.create(owner=user)
        basket.strategy = Default()
        basket.add_product(product, quantity=1)
        shipping = Repository().get_default_shipping_method(basket=basket, user=user)
        charge = shipping.calculate(basket)
        total = OrderTotalCalculator().calculate(basket, charge)
        checkout = OrderPlacementMixin()
        checkout.add_payment_source(Source(source_type=paid_by, currency="CNY", amount_allocated=total.incl_tax))
        checkout.add_payment_event("allocated", total.incl_tax)
        basket.freeze()
        checkout.place_order(
            order_number=f"N{next(numbers)}",
            user=user,
            basket=basket,
            shipping_address=None,
            shipping_method=shipping,
            shipping_charge=charge,
            order_total=total,
        )
        basket.submit()


def main() -> None:
    shop = open_shop()
    for _number in range(20):
        place(*shop)
    with CaptureQueriesContext(connection) as queries:
        place(*shop)
    answer(statements=len(queries))
    for line in sys.stdin:
        before, busy, started = Order.objects.count(), time.process_time(), time.monotonic()
        end = started + float(line)
        while time.monotonic() < end:
            place(*shop)
        took, busy = time.monotonic() - started, time.process_time() - busy
        answer(orders=Order.objects.count() - before, seconds=took, busy=busy)


def answer(**values) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
