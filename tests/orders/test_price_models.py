"""What goes into escrow under each price model, and what the contract says about it."""

import datetime
import json

import pytest
from django.db import IntegrityError, connection, transaction

from market.kernel import clock
from market.kernel.errors import InvalidInput
from market.orders.models import Order
from tests import factories
from tests.orders.trades import money, place

pytestmark = pytest.mark.django_db
MORNING = datetime.datetime(2027, 1, 17, 1, 0, tzinfo=datetime.UTC)
SUBSCRIPTION = {"price_model": "subscription", "months": 3}
INSTALMENTS = SUBSCRIPTION | {"is_instalment": True, "trial_days": 14}
METERED = {"price_model": "metered", "months": 12, "unit": "call", "unit_price": 3, "at_prepaid_end": "stop"}
SCALE = {
    "tier_mode": "graduated",
    "tiers": [{"up_to": 2, "unit_price": 1_000_000, "flat": 0}, {"up_to": 5, "unit_price": 500_000, "flat": 7}],
}


def ordered(market, quantity: int, amount: int, **price) -> Order:
    offer = factories.offer(market.offer.product, amount, **price)
    with clock.frozen_at(MORNING):
        return place(market, offer_id=offer.id, quantity=quantity)


def document(order: Order) -> dict:
    return json.loads(order.terms.get().document)


def test_a_plain_order_says_no_more_than_before():
    market = factories.market()
    order = place(market)
    assert (order.term_starts_on, order.term_ends_on) == (None, None)
    assert "price" not in document(order)
    assert "later_revisions_until" not in document(order)["revision"]


def test_a_scale_is_added_up_and_written_out():
    market = factories.market()
    order = ordered(market, 4, 100, **SCALE)
    assert order.amount == 2 * 100 + 2 * 50 + 7
    assert money(market) == (100_000 - 307, 307)
    price = document(order)["price"]
    assert price["total"] == 307
    assert [(line["tier"], line["quantity"]) for line in price["lines"]] == [(1, 2), (2, 2)]
    assert price["rule"]["tiers"] == SCALE["tiers"]


def test_beyond_a_scale_that_ends_nothing_is_ordered():
    market = factories.market()
    with pytest.raises(InvalidInput) as refusal, transaction.atomic():
        ordered(market, 6, 100, **SCALE)
    assert list(refusal.value.errors) == ["/quantity"]
    assert not Order.objects.exists()
    assert money(market) == (100_000, 0)


def test_a_subscription_is_prepaid_for_its_term():
    market = factories.market()
    order = ordered(market, 2, 5_000, **SUBSCRIPTION)
    assert (order.amount, money(market)) == (30_000, (70_000, 30_000))
    terms = document(order)
    assert terms["price"]["term"] == {"starts_on": "2027-01-17", "ends_before": "2027-04-17"}
    assert terms["price"]["payments"] == [{"number": 1, "due_on": "2027-01-17", "amount": 30_000}]
    order.refresh_from_db()
    assert (order.term_starts_on, order.term_ends_on) == (datetime.date(2027, 1, 17), datetime.date(2027, 4, 17))


def test_metered_use_is_prepaid():
    market = factories.market()
    order = ordered(market, 3, 5_000, **METERED)
    assert (order.amount, money(market)) == (15_000, (85_000, 15_000))
    assert document(order)["price"]["rule"]["unit_price"] == 3


def test_a_term_that_ends_before_it_begins_is_refused_by_the_database():
    market = factories.market()
    order = ordered(market, 1, 5_000, **SUBSCRIPTION)
    columns = [field.column for field in Order._meta.concrete_fields]
    changed = {"id": "gen_random_uuid()", "number": "'X'", "client_reference": "'X'", "term_ends_on": "term_starts_on"}
    values = ", ".join(changed.get(column, column) for column in columns)
    sql = f"INSERT INTO orders_order ({', '.join(columns)}) SELECT {values} FROM orders_order WHERE id = %s"
    with pytest.raises(IntegrityError, match="order_term"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [order.id])
    with pytest.raises(IntegrityError, match="orders_order is refused"), transaction.atomic():
        Order.objects.filter(id=order.id).update(term_ends_on=None)
