"""Offers with a term, metered use or a scale: what may be asked for, and that the database refuses nonsense too."""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from market.catalog import services
from market.catalog.models import Offer
from market.catalog.pricing import PriceRule, Tier
from market.kernel.errors import InvalidInput
from market.kernel.identifiers import uuid7

SUBSCRIPTION = {
    "price_model": "subscription",
    "amount": 30_000,
    "months": 12,
    "is_instalment": True,
    "trial_days": 14,
    "renewal_notice_days": 30,
    "includes_later_revisions": True,
}
METERED = {
    "price_model": "metered",
    "amount": 50_000,
    "months": 6,
    "unit": " call ",
    "unit_price": 3,
    "free_units": 1000,
    "monthly_cap": 5000,
    "at_prepaid_end": "stop",
}
STEPS = [{"up_to": 10, "unit_price": 100_000_000}, {"up_to": None, "unit_price": 80_000_000, "flat": 5}]
SCALE = {"price_model": "one_off", "amount": None, "tier_mode": "graduated", "tiers": STEPS}
METERED_SCALE = METERED | {"unit_price": 0, "tier_mode": "volume", "tiers": STEPS}


@pytest.mark.parametrize("asked", [SUBSCRIPTION, METERED, SCALE, METERED_SCALE], ids=lambda asked: asked["price_model"])
def test_an_offer_keeps_its_whole_price(stall, asked):
    made = Offer.objects.get(id=stall.offer(stall.listed(), **asked).id)
    rule = made.price_rule()
    assert rule.model == asked["price_model"]
    for name in ("months", "is_instalment", "trial_days", "renewal_notice_days", "unit_price", "monthly_cap"):
        assert getattr(rule, name) == asked.get(name, getattr(PriceRule("x"), name))
    assert rule.unit == asked.get("unit", "").strip()
    if "tiers" in asked:
        assert rule.tiers == (Tier(10, 100_000_000), Tier(None, 80_000_000, 5))
    # A list can show and compare it: what the first unit costs.
    assert made.amount == (asked["amount"] or 10_000)
    assert made.includes_later_revisions == asked.get("includes_later_revisions", False)


def without(asked: dict, name: str) -> dict:
    return {key: value for key, value in asked.items() if key != name}


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        (SUBSCRIPTION | {"months": 0}, "/months"),
        (SUBSCRIPTION | {"months": 37}, "/months"),
        (SUBSCRIPTION | {"months": True}, "/months"),
        (SUBSCRIPTION | {"months": 1, "renewal_notice_days": None}, "/is_instalment"),
        (SUBSCRIPTION | {"months": 2, "renewal_notice_days": 57}, "/renewal_notice_days"),
        (SUBSCRIPTION | {"trial_days": 91}, "/trial_days"),
        (SUBSCRIPTION | {"amount": 0}, "/amount"),
        (SUBSCRIPTION | {"unit": "call"}, "/unit"),
        (SUBSCRIPTION | {"monthly_cap": 5}, "/monthly_cap"),
        (METERED | {"unit": " "}, "/unit"),
        (METERED | {"unit": "a\nb"}, "/unit"),
        (METERED | {"unit_price": 0}, "/unit_price"),
        (METERED | {"unit_price": 0.3}, "/unit_price"),
        (METERED | {"free_units": -1}, "/free_units"),
        (METERED | {"monthly_cap": 0}, "/monthly_cap"),
        (without(METERED, "at_prepaid_end"), "/at_prepaid_end"),
        (without(METERED, "months"), "/months"),
        (METERED | {"is_instalment": True}, "/is_instalment"),
        (METERED_SCALE | {"unit_price": 3}, "/unit_price"),
        (METERED_SCALE | {"tiers": STEPS[:1]}, "/tiers/0/up_to"),
        (SCALE | {"amount": 9_999}, "/amount"),
        (SCALE | {"tier_mode": "steps"}, "/tier_mode"),
        (SCALE | {"tier_mode": ""}, "/tier_mode"),
        (SCALE | {"tiers": []}, "/tiers"),
        (SCALE | {"tiers": list(reversed(STEPS))}, "/tiers/0/up_to"),
        (SCALE | {"tiers": [STEPS[0], STEPS[0]]}, "/tiers/1/up_to"),
        (SCALE | {"tiers": [{"up_to": 5}]}, "/tiers/0"),
        (SCALE | {"tiers": [{"up_to": 5, "unit_price": -1}]}, "/tiers/0/unit_price"),
        (SCALE | {"tiers": [{"up_to": 5, "unit_price": 1, "flat": "2"}]}, "/tiers/0/flat"),
        (SCALE | {"months": 3}, "/months"),
        ({"price_model": "free", "amount": 0, "tier_mode": "volume", "tiers": STEPS}, "/tiers"),
        ({"price_model": "one_off", "amount": None}, "/amount"),
    ],
)
def test_a_price_that_makes_no_sense_names_its_field(stall, asked, pointer):
    product = stall.listed()
    before = Offer.objects.count()
    with pytest.raises(InvalidInput) as refusal:
        stall.offer(product, **asked)
    assert pointer in refusal.value.errors
    assert Offer.objects.count() == before


@pytest.mark.parametrize(
    ("asked", "nonsense", "constraint"),
    [
        (SUBSCRIPTION, {"amount": 0}, "offer_price_fits_model"),
        (SUBSCRIPTION, {"months": 37}, "offer_term_fits_model"),
        (SUBSCRIPTION, {"months": 0, "is_instalment": False, "renewal_notice_days": None}, "offer_term_fits_model"),
        (SUBSCRIPTION, {"trial_days": 91}, "offer_term_fits_model"),
        (SUBSCRIPTION, {"months": 1, "renewal_notice_days": None}, "offer_instalments_of_months"),
        (SUBSCRIPTION, {"months": 2, "renewal_notice_days": 57}, "offer_notice_within_term"),
        (SUBSCRIPTION, {"unit": "call"}, "offer_metering_fits_model"),
        (METERED, {"is_instalment": True}, "offer_subscription_only"),
        (METERED, {"includes_later_revisions": True}, "offer_subscription_only"),
        (METERED, {"unit": ""}, "offer_metering_fits_model"),
        (METERED, {"unit_price": 0}, "offer_metering_fits_model"),
        (METERED, {"unit_price": -3}, "offer_metering_fits_model"),
        (METERED, {"free_units": -3}, "offer_metering_fits_model"),
        (METERED, {"monthly_cap": 0}, "offer_metering_fits_model"),
        (METERED, {"at_prepaid_end": ""}, "offer_metering_fits_model"),
        (METERED_SCALE, {"tiers": [{"up_to": 5, "unit_price": 1, "flat": 0}]}, "offer_tiers_sound"),
        (SCALE, {"tiers": []}, "offer_tiers_sound"),
        (SCALE, {"tiers": {}}, "offer_tiers_sound"),
        (SCALE, {"tiers": [1]}, "offer_tiers_sound"),
        (SCALE, {"tiers": [{"unit_price": 1, "flat": 0}]}, "offer_tiers_sound"),
        (SCALE, {"tiers": [{"up_to": None, "unit_price": 1, "flat": 0, "more": 1}]}, "offer_tiers_sound"),
        (SCALE, {"tiers": [{"up_to": None, "unit_price": -1, "flat": 0}]}, "offer_tiers_sound"),
        (SCALE, {"tiers": [{"up_to": None, "unit_price": 1.5, "flat": 0}]}, "offer_tiers_sound"),
        (SCALE, {"tiers": [{"up_to": 0, "unit_price": 1, "flat": 0}]}, "offer_tiers_sound"),
        (SCALE, {"tiers": [{"up_to": 5, "unit_price": 1, "flat": 0}] * 2}, "offer_tiers_sound"),
        (SCALE, {"tier_mode": ""}, "offer_tiers_sound"),
        (SCALE, {"tier_mode": "steps"}, "offer_tiers_sound"),
        (SCALE, {"amount": 1}, "offer_tiers_sound"),
        (SCALE, {"months": 1}, "offer_term_fits_model"),
    ],
)
def test_the_database_refuses_nonsense(stall, asked, nonsense, constraint):
    made = stall.offer(stall.listed(), **asked)
    columns = [field.column for field in Offer._meta.concrete_fields]
    changed = {"id": uuid7()} | {
        name: json.dumps(value) if name == "tiers" else value for name, value in nonsense.items()
    }
    values = ", ".join("%s" if column in changed else column for column in columns)
    sql = f"INSERT INTO catalog_offer ({', '.join(columns)}) SELECT {values} FROM catalog_offer WHERE id = %s"
    parameters = [changed[column] for column in columns if column in changed] + [made.id]
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def test_a_price_never_changes(stall):
    made = stall.offer(stall.listed(), **METERED)
    with pytest.raises(IntegrityError, match="catalog_offer is refused"), transaction.atomic():
        Offer.objects.filter(id=made.id).update(unit_price=4)


def test_an_import_takes_every_price(stall):
    offers = [
        services.ImportedOffer(asked["price_model"], asked["amount"], "Internal use.", price=price)
        for asked in (SUBSCRIPTION, METERED_SCALE, SCALE)
        for price in [{name: asked[name] for name in asked if name not in ("price_model", "amount")}]
    ]
    product = services.ImportedProduct(
        vendor=stall.vendor.uscc,
        code="IMP-1",
        title="路况",
        description="逐小时路况。",
        kind="dataset",
        sector="G",
        rights_basis="operation",
        files=[services.ImportedFile("road.csv", b"a,b\n1,2\n")],
        offers=offers,
    )
    services.import_products(actor=stall.reviewer, products=[product])
    kept = {offer.price_model: offer for offer in Offer.objects.filter(product__code="IMP-1")}
    assert kept["subscription"].months == 12
    assert kept["metered"].price_rule().tiers == kept["one_off"].price_rule().tiers
    assert kept["one_off"].amount == 10_000
