"""Prices as people type them: exact both ways, and kept by the vendor's own page."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from market.catalog.models import Offer
from market.catalog.price_forms import PriceForm
from market.catalog.price_texts import (
    sentences,
    tiers_from_text,
    tiers_text,
    unit_price_from_text,
    unit_price_text,
)
from market.catalog.pricing import MAX_UNIT_PRICE, MAX_UNITS
from market.kernel.money import MAX_AMOUNT
from tests import factories

LICENCE = {"licence": "Internal use.", "acceptance_days": "7"}
SUBSCRIPTION = {
    "price_model": "subscription",
    "amount": "333.33",
    "months": "12",
    "is_instalment": "on",
    "trial_days": "14",
    "renewal_notice_days": "30",
    "includes_later_revisions": "on",
}
METERED = {
    "price_model": "metered",
    "amount": "500",
    "months": "6",
    "unit": "call",
    "unit_price": "0.0003",
    "free_units": "1000",
    "monthly_cap": "50.00",
    "at_prepaid_end": "stop",
}
SCALE = {"price_model": "one_off", "tier_mode": "graduated", "tiers": "100: 12.00\r\n*：9.5 + 50"}


@given(st.integers(0, MAX_UNIT_PRICE))
def test_unit_prices_are_exact_both_ways(unit_price):
    assert unit_price_from_text(unit_price_text(unit_price)) == unit_price


@pytest.mark.parametrize(
    ("text", "unit_price"),
    [("0.0003", 300), ("0.000001", 1), ("12", 12_000_000), ("12.5", 12_500_000), (" 9.00 ", 9_000_000)],
)
def test_what_people_type(text, unit_price):
    assert unit_price_from_text(text) == unit_price


@pytest.mark.parametrize("text", ["", "0.0000001", "-1", "1e3", "1,000", ".5", "5.", "１２", "nan"])
def test_what_nobody_can_mean(text):
    with pytest.raises(ValueError, match="price in yuan"):
        unit_price_from_text(text)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "up_to": st.none() | st.integers(1, MAX_UNITS),
                "unit_price": st.integers(0, MAX_UNIT_PRICE),
                "flat": st.integers(0, MAX_AMOUNT // 10**3),
            }
        ),
        max_size=20,
    )
)
def test_scales_are_exact_both_ways(tiers):
    assert tiers_from_text(tiers_text(tiers)) == tiers


@pytest.mark.parametrize("text", ["100 12", "100: 12 + ", "x: 1", "100: 1.2.3", "*: 1 + 0.001"])
def test_a_line_that_cannot_be_read_is_named(text):
    with pytest.raises(ValueError, match="Line 2"):
        tiers_from_text(f"10: 1\n{text}")


@pytest.fixture
def vendor(stall) -> Client:
    client = Client()
    client.force_login(stall.lister.user)
    return client


def offered(vendor: Client, product, typed: dict) -> tuple:
    reply = vendor.post(f"/vendor/catalog/product/{product.id}/acts/offer/", LICENCE | typed)
    return reply, Offer.objects.filter(product=product).order_by("id").last()


def test_a_vendor_makes_every_kind_of_offer_by_hand(stall, vendor):
    product = stall.listed()
    reply, made = offered(vendor, product, SUBSCRIPTION)
    assert reply.status_code == 302, reply.context["form"].errors
    assert (made.amount, made.months, made.is_instalment, made.trial_days) == (33_333, 12, True, 14)
    assert (made.renewal_notice_days, made.includes_later_revisions) == (30, True)
    reply, made = offered(vendor, product, METERED)
    assert reply.status_code == 302, reply.context["form"].errors
    assert (made.amount, made.unit, made.unit_price, made.free_units) == (50_000, "call", 300, 1_000)
    assert (made.monthly_cap, made.at_prepaid_end) == (5_000, "stop")
    reply, made = offered(vendor, product, SCALE)
    assert reply.status_code == 302, reply.context["form"].errors
    assert made.amount == 1_200
    assert made.tiers == [
        {"up_to": 100, "unit_price": 12_000_000, "flat": 0},
        {"up_to": None, "unit_price": 9_500_000, "flat": 5_000},
    ]
    shown = vendor.get(f"/vendor/catalog/offer/{made.id}/change/").content.decode()
    assert "up to 100: CNY 12.00, above: CNY 9.50 + CNY 50.00" in shown


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (SUBSCRIPTION | {"months": ""}, "months"),
        (SUBSCRIPTION | {"months": "37"}, "months"),
        (SUBSCRIPTION | {"amount": ""}, "amount"),
        (SUBSCRIPTION | {"unit": "call"}, "unit"),
        (METERED | {"unit_price": "0.0000003"}, "unit_price"),
        (METERED | {"unit_price": ""}, "unit_price"),
        (METERED | {"at_prepaid_end": ""}, "at_prepaid_end"),
        (SCALE | {"tiers": "100: 12\n50: 9"}, "tiers"),
        (SCALE | {"tiers": "a hundred: 12"}, "tiers"),
        (SCALE | {"tiers": ""}, "amount"),
        (SCALE | {"amount": "1"}, "amount"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(stall, vendor, typed, name):
    product = stall.listed()
    before = Offer.objects.count()
    reply, _made = offered(vendor, product, typed)
    assert reply.status_code == 200
    assert name in reply.context["form"].errors
    assert Offer.objects.count() == before


def test_the_form_shows_an_offer_as_it_was_typed(stall):
    made = stall.offer(
        stall.listed(),
        price_model="metered",
        months=6,
        unit="call",
        at_prepaid_end="stop",
        tier_mode="volume",
        tiers=[{"up_to": 10, "unit_price": 300}, {"up_to": None, "unit_price": 100}],
    )
    form = PriceForm(initial={name: getattr(made, name) for name in PriceForm.base_fields})
    assert form["tiers"].value() == "10: 0.0003\n*: 0.0001"
    assert (form["amount"].value(), form["unit_price"].value()) == ("100.00", "")


def test_a_product_shows_its_whole_price_in_words_and_numbers(stall):
    product = stall.listed()
    made = stall.offer(product, 30_000, price_model="subscription", months=12, renewal_notice_days=30)
    client = factories.api_client(stall.lister)
    offers = client.get(f"/api/v1/products/{product.id}").json()["offers"]
    (shown,) = [offer for offer in offers if offer["id"] == str(made.id)]
    assert shown["price"]["months"] == 12 and shown["price"]["renewal_notice_days"] == 30
    assert shown["sentence"]["en"] == (
        "CNY 300.00 a month for 12 months, paid at once, renewed unless cancelled, with notice 30 days before"
    )
    assert (
        shown["sentence"]["zh-hans"] == "每月 CNY 300.00，共 12 个月，一次付清，除非取消，否则自动续期，提前 30 天通知"
    )
    assert shown["sentence"] == sentences(made)
