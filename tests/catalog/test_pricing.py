"""Every example of docs/pricing.md, and what must hold for any price rule."""

import datetime
import json
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.catalog import pricing
from market.catalog.pricing import PriceRule, Tier
from market.catalog.states import PriceModel, TierMode

DOCUMENT = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text()
EXAMPLE = re.compile(r"```json\n(.*?)```\n\n((?:\|[^\n]*\n)+)", re.DOTALL)


def rule_of(text: str) -> PriceRule:
    values = json.loads(text)
    return PriceRule(**values | {"tiers": tuple(Tier(**tier) for tier in values.get("tiers", ()))})


def examples() -> list:
    found = []
    for rule_text, table in EXAMPLE.findall(DOCUMENT):
        head, _rule, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines())
        found += [
            pytest.param(rule_of(rule_text), dict(zip(head, row, strict=True)), id="-".join(row[:2])) for row in rows
        ]
    return found


@pytest.mark.parametrize(("rule", "row"), examples())
def test_example_of_the_document(rule: PriceRule, row: dict[str, str]):
    day = datetime.date.fromisoformat
    if "costs" in row:
        assert pricing.order_price(rule, int(row["quantity"])).total == int(row["costs"])
    elif "charge" in row:
        assert pricing.month_charge(rule, int(row["units"])).total == int(row["charge"])
    elif "due now" in row:
        bargain = pricing.bargain(rule, int(row["quantity"]), day(row["ordered on"]))
        assert (bargain.price.total, bargain.due_now) == (int(row["total"]), int(row["due now"]))
        assert " to ".join(map(str, bargain.term)) == row["paid days"]
    elif "instalments" in row:
        due = pricing.instalments(rule, int(row["total"]), day(row["starts on"]))
        assert ", ".join(f"{part.due_on}: {part.amount}" for part in due) == row["instalments"]
    else:
        starts_on, ends_on = map(day, row["term"].split(" to "))
        back = pricing.unused_part(int(row["paid"]), starts_on, ends_on, day(row["leaves on"]))
        assert back == int(row["comes back"])


def test_the_document_has_examples_of_everything():
    columns = {column for parameter in examples() for column in parameter.values[1]}
    assert {"costs", "charge", "instalments", "comes back", "due now"} <= columns


prices = st.integers(0, 10**9)
scales = st.lists(st.tuples(st.integers(1, 500), prices), min_size=1, max_size=6).map(
    lambda steps: tuple(
        Tier(sum(width for width, _price in steps[: index + 1]) if index < len(steps) - 1 else None, price)
        for index, (_width, price) in enumerate(steps)
    )
)


@given(scales, st.integers(1, 5000))
def test_graduated_price_is_the_sum_over_single_units(tiers, quantity):
    pricing.check_tiers(tiers)
    lines = pricing.tier_lines(quantity, tiers, TierMode.GRADUATED)

    def price_of(unit: int) -> int:
        return next(tier.unit_price for tier in tiers if tier.up_to is None or unit <= tier.up_to)

    assert sum(line.quantity for line in lines) == quantity
    assert sum(line.amount for line in lines) == sum(price_of(unit) for unit in range(1, quantity + 1))


@given(st.integers(-100, 5000), st.integers(0, 500), prices, st.none() | st.integers(0, 10**6))
def test_month_charge_is_the_naive_sum_rounded_half_up_and_capped(units, free_units, unit_price, cap):
    rule = PriceRule(PriceModel.METERED, free_units=free_units, unit_price=unit_price, monthly_cap=cap)
    naive = Decimal(sum(unit_price for unit in range(1, units + 1) if unit > free_units)) / 10_000
    fen = int(naive.quantize(Decimal(1), ROUND_HALF_UP))
    charge = pricing.month_charge(rule, units)
    assert charge.total == (fen if cap is None else min(fen, cap))
    assert charge.is_capped == (cap is not None and fen > cap)
    assert pricing.month_charge(rule, units + 1).total >= charge.total


@given(st.integers(0, 10**12), st.integers(1, 36), st.dates(datetime.date(2020, 1, 1), datetime.date(2040, 1, 1)))
def test_instalments_sum_to_the_total_and_never_differ_by_more_than_a_fen(total, months, starts_on):
    rule = PriceRule(PriceModel.SUBSCRIPTION, months=months, is_instalment=True)
    parts = pricing.instalments(rule, total, starts_on)
    amounts = [part.amount for part in parts]
    assert sum(amounts) == total
    assert max(amounts) - min(amounts) <= 1
    assert [part.due_on for part in parts] == sorted({part.due_on for part in parts})


@pytest.mark.parametrize(
    "tiers",
    [
        (Tier(None, 1), Tier(10, 1)),
        (Tier(10, 1), Tier(10, 1)),
        (Tier(0, 1),),
        (Tier(10, -1),),
    ],
)
def test_scale_that_makes_no_sense_is_refused(tiers):
    with pytest.raises(ValueError, match=r"tier|prices"):
        pricing.check_tiers(tiers)


def test_quantity_beyond_a_scale_that_ends_is_refused():
    with pytest.raises(ValueError, match="ends at 10"):
        pricing.tier_lines(11, (Tier(10, 1),), TierMode.GRADUATED)


def test_a_rule_can_be_read_back_from_a_contract():
    rules = [rule_of(text) for text, _table in EXAMPLE.findall(DOCUMENT)]
    assert {rule.model for rule in rules} >= {"one_off", "subscription", "metered"} and any(
        rule.tiers for rule in rules
    )
    for rule in rules:
        assert pricing.from_document(json.loads(json.dumps(pricing.as_document(rule)))) == rule
