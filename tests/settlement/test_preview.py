"""What an order would cost, over HTTP: every line, every payment, the tax in it; nothing is kept."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role, TaxpayerType
from market.audit.models import AuditEvent
from market.catalog.models import Offer, Product
from market.catalog.states import OfferState, ProductState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.orders.models import Order
from market.settlement.services import create_fee_schedule
from tests import factories
from tests.orders.trades import place

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/quotes/preview"
NOW = datetime.datetime(2027, 1, 17, 1, 0, tzinfo=datetime.UTC)
SUBSCRIPTION = {"price_model": "subscription", "months": 3, "is_instalment": True, "trial_days": 14}
METERED = {
    "price_model": "metered",
    "months": 12,
    "unit": "call",
    "unit_price": 3,
    "free_units": 1000,
    "monthly_cap": 5000,
    "at_prepaid_end": "top_up",
}
SCALE = {
    "tier_mode": "graduated",
    "tiers": [
        {"up_to": 10, "unit_price": 100_000_000, "flat": 0},
        {"up_to": 50, "unit_price": 80_000_000, "flat": 500},
    ],
}


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market()


@pytest.fixture
def client(market):
    return factories.api_client(market.purchaser)


def ask(client, offer: Offer, /, **wanted):
    with clock.frozen_at(NOW):
        return client.post(ADDRESS, {"offer": str(offer.id)} | wanted)


def preview(client, offer: Offer, **wanted) -> dict:
    answer = ask(client, offer, **wanted)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def pointers(answer) -> list[str]:
    assert answer.status_code == 422, answer.json()
    return [error["pointer"] for error in answer.json()["errors"]]


def test_a_scale_line_by_line(market, client):
    found = preview(client, factories.offer(market.offer.product, 10_000, **SCALE), quantity=11)
    assert [(line["tier"], line["quantity"], line["amount"], line["text"]) for line in found["lines"]] == [
        (1, 10, 100_000, "units of tier 1"),
        (2, 1, 8_500, "units of tier 2"),
    ]
    assert (found["total"], found["due_now"]) == (108_500, 108_500)
    assert found["payments"] == [{"number": 1, "due_on": "2027-01-17", "amount": 108_500}]
    assert found["term"] is None and found["month"] is None
    assert found["price"]["tiers"] == SCALE["tiers"]
    assert "up to 50: CNY 80.00 + CNY 5.00" in found["sentence"]["en"] and found["sentence"]["zh-hans"]


@pytest.mark.parametrize(
    ("taxpayer_type", "rate", "vat"), [(TaxpayerType.GENERAL, 600, 566), (TaxpayerType.SMALL_SCALE, 100, 99)]
)
def test_the_tax_that_the_price_contains(market, client, taxpayer_type, rate, vat):
    assert preview(client, market.offer)["vat"] is None
    create_fee_schedule(
        actor=SYSTEM, commission_bps=500, effective_from=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    )
    type(market.vendor).objects.filter(id=market.vendor.id).update(taxpayer_type=taxpayer_type)
    found = preview(client, market.offer)
    assert found["vat"] == {"amount": vat, "rate_bps": rate, "taxpayer_type": taxpayer_type}
    assert found["total"] == 10_000


def test_instalments_with_their_days(market, client):
    offer = factories.offer(market.offer.product, 33_333, **SUBSCRIPTION)
    found = preview(client, offer, quantity=2, starts_on="2027-01-31")
    assert (found["total"], found["due_now"]) == (199_998, 66_666)
    assert found["term"] == {"starts_on": "2027-02-14", "ends_before": "2027-05-14"}
    # The first one goes into escrow with the order, which is ``due_now``; the trial moves the others.
    assert [part["due_on"] for part in found["payments"]] == ["2027-01-31", "2027-03-14", "2027-04-14"]
    assert sum(part["amount"] for part in found["payments"]) == found["total"]
    assert found["sentence"]["en"] == "CNY 333.33 a month for 3 months, paid by the month, after 14 days of trial"


def test_a_month_of_metered_use(market, client):
    offer = factories.offer(market.offer.product, 50_000, **METERED)
    found = preview(client, offer, monthly_use=2_667)
    assert (found["total"], found["due_now"]) == (50_000, 50_000)
    month = found["month"]
    assert (month["units"], month["total"], month["is_capped"]) == (2_667, 1, False)
    assert [(line["reason"], line["quantity"], line["exact_yuan"]) for line in month["lines"]] == [
        ("free_units", 1_000, "0.00"),
        ("use", 1_667, "0.005001"),
    ]
    capped = preview(client, offer, monthly_use=100_000_000)["month"]
    assert (capped["total"], capped["is_capped"]) == (5_000, True)
    assert "CNY 0.000003 per call" in found["sentence"]["en"]


PREPAID = {"price_model": "subscription", "months": 3}


def test_what_is_previewed_is_what_an_order_costs(market, client):
    factories.fund(market.buyer, 100_000)
    for price in ({}, SCALE, PREPAID):
        offer = factories.offer(market.offer.product, 10_000, **price)
        found = preview(client, offer, quantity=3)
        with clock.frozen_at(NOW):
            order = place(market, offer_id=offer.id, quantity=3)
        assert order.amount == found["due_now"]


def test_nothing_is_kept(market, client):
    before = AuditEvent.objects.count()
    with CaptureQueriesContext(connection) as queries:
        preview(client, market.offer)
    assert not [query for query in queries if query["sql"].split()[0] in ("INSERT", "DELETE")]
    assert (AuditEvent.objects.count(), Order.objects.count()) == (before, 0)


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"quantity": 0}, "/quantity"),
        ({"quantity": "2"}, "/quantity"),
        ({"quantity": 51}, "/quantity"),
        ({"monthly_use": 5}, "/monthly_use"),
        ({"monthly_use": -1}, "/monthly_use"),
        ({"starts_on": "2027-01-16"}, "/starts_on"),
        ({"starts_on": "2028-02-01"}, "/starts_on"),
        ({"starts_on": "soon"}, "/starts_on"),
        ({"offer": "x"}, "/offer"),
        ({"discount": 5}, "/discount"),
    ],
)
def test_errors_name_their_field(market, client, wanted, pointer):
    assert pointers(ask(client, factories.offer(market.offer.product, 10_000, **SCALE), **wanted)) == [pointer]


def test_private_offers_are_for_their_buyer(market, client):
    other = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    private = factories.offer(market.offer.product, 500, buyer_org=market.buyer)
    assert preview(client, private)["total"] == 500
    for member, status in ((other, 404), (market.lister, 200), (market.auditor, 200)):
        assert ask(factories.api_client(member), private).status_code == status


def test_what_is_not_for_sale(market, client):
    Offer.objects.filter(id=market.offer.id).update(state=OfferState.WITHDRAWN)
    answer = ask(client, market.offer)
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_not_orderable")
    draft = factories.offer(factories.product(market.vendor, state=ProductState.DRAFT))
    assert ask(client, draft).status_code == 404
    suspended = factories.offer(factories.product(market.vendor, state=ProductState.SUSPENDED))
    assert ask(client, suspended).status_code == 409
    assert Product.objects.count() == 3


def test_the_scope_is_needed(market):
    answer = ask(factories.api_client(market.purchaser, scopes=["orders:read"]), market.offer)
    assert answer.status_code == 403
