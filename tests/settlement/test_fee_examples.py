"""docs/fees.md, executed: each capture of each example through the services."""

import datetime
import re
from pathlib import Path

import pytest

from accounts.models import Organization
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.settlement.models import Capture
from market.settlement.services import SpecialRate, create_fee_schedule, reconcile
from tests import factories
from tests.settlement.test_ledger_examples import TABLE, fen, rows_of
from tests.settlement.trades import accepted_orders, capture_orders

DOCUMENT = (Path(__file__).parents[2] / "docs" / "fees.md").read_text()
GIVEN = re.compile(
    r"^Given: commission ([^.]*(?:\.\d\d[^.]*)*), (general|small-scale|exempt) taxpayer\.(.*)$", re.MULTILINE
)
SPECIAL = re.compile(r"(Vendor|Sector): (\d+ bps(?:, from [\d.]+ \d+ bps)*)\.")


def examples() -> list:
    found = []
    for section in re.split(r"^### ", DOCUMENT, flags=re.MULTILINE)[1:]:
        scale, taxpayer, special = GIVEN.search(section).groups()
        (table,) = TABLE.findall(section)
        found.append(pytest.param(scale, taxpayer, special, rows_of(table), id=section.splitlines()[0]))
    return found


def scale_of(text: str) -> dict:
    first, *tiers = text.split(", from ")
    parts = [tier.removesuffix(" bps").split() for tier in tiers]
    return {
        "commission_bps": int(first.removesuffix(" bps")),
        "tiers": [(fen(volume), int(bps)) for volume, bps in parts],
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("scale", "taxpayer", "special", "captures"), examples())
def test_example_of_the_document(scale, taxpayer, special, captures):
    market = factories.market(funds=1_000_000)
    Organization.objects.filter(id=market.vendor.id).update(taxpayer_type=taxpayer.replace("-", "_"))
    whom = {"Vendor": {"vendor_id": market.vendor.id}, "Sector": {"sector": market.offer.product.sector}}
    rates = [SpecialRate(**whom[name], **scale_of(text)) for name, text in SPECIAL.findall(special)]
    create_fee_schedule(
        actor=SYSTEM,
        special_rates=rates,
        effective_from=datetime.datetime(2026, 11, 1, tzinfo=clock.BUSINESS_ZONE),
        **scale_of(scale),
    )
    for day, gross, *parts in captures:
        # Five past midnight in Beijing: for the rest of the world it is still the day before.
        moment = datetime.datetime.combine(datetime.date.fromisoformat(day), datetime.time(0, 5), clock.BUSINESS_ZONE)
        with clock.frozen_at(moment):
            (order_id,) = accepted_orders(market, [fen(gross)])
            capture_orders([order_id])
        made = Capture.objects.get(order=order_id)
        assert [made.volume_before, made.commission, made.vat, made.net] == [fen(part) for part in parts]
    assert reconcile().is_clean


def test_there_are_examples_of_each_kind():
    assert len(examples()) == DOCUMENT.count("\nGiven: ") == 6
