"""Every example of docs/usage.md, carried out as it stands there."""

import datetime
import json
import re
from pathlib import Path

import pytest

from market.billing import services
from market.billing.errors import MeterEnded
from market.billing.models import Statement
from market.kernel import clock
from market.ledger.states import AccountKind
from tests import factories
from tests.billing.metering import meter_of, metered, report
from tests.orders.trades import buyer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "usage.md").read_text()
EXAMPLE = re.compile(r"## ([^\n]*)\n(?:(?!\n## ).)*?```json\n(\{\"amount\".*?)```\n\n((?:\|[^\n]*\n)+)", re.DOTALL)
USE = re.compile(r"use (?P<id>\w+) (?P<units>\d+)(?: on (?P<day>[\d-]+))?")


def moment(day: str) -> datetime.datetime:
    """Noon of that day of 2027 in Guiyang; a month's first is its first minute, when beat comes."""
    midnight = clock.business_midnight(datetime.date.fromisoformat(f"2027-{day}"))
    return midnight + (datetime.timedelta(minutes=1) if day.endswith("-01") else datetime.timedelta(hours=12))


def examples() -> list:
    found = []
    for title, price, table in EXAMPLE.findall(DOCUMENT):
        head, _rule, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines())
        found.append(pytest.param(json.loads(price), [dict(zip(head, row, strict=True)) for row in rows], id=title))
    return found


def test_the_document_has_all_its_examples():
    titles = [parameter.id for parameter in examples()]
    assert len(titles) == 7 and DOCUMENT.count('```json\n{"amount"') == 7


def perform(market, order, act: str) -> str:
    """What the act came to, in the document's words."""
    if act == "close":
        assert services.close_due() == 1
        made = Statement.objects.latest("month")
        return f"{made}: {made.units} units, {made.amount}" + (", the last" if made.is_final else "")
    if act == "top up":
        return f"{services.top_up_meter(actor=buyer(market), order_id=order.id).prepaid} paid ahead"
    if act == "end":
        try:
            ended = services.end_meter(actor=buyer(market), order_id=order.id)
        except MeterEnded as refusal:
            return refusal.code
        return "use counts until now" if ended.ends_at == clock.now() else "?"
    if act.startswith("deposit"):
        factories.fund(market.buyer, int(act.split()[1]))
        return "deposited"
    if act.startswith("back"):
        taken_back = act.split()[1]
        record = {"id": f"back-{taken_back}", "reverses": taken_back}
    else:
        said = USE.fullmatch(act)
        # Reported again, it is the same record: its time is that of the first report of the day.
        used_at = moment(said["day"]) if said["day"] else clock.now()
        record = {"id": said["id"], "units": int(said["units"]), "used_at": used_at.isoformat()}
    (outcome,) = report(market, order, record).outcomes
    if outcome.problem is not None:
        return outcome.problem.code
    return outcome.result if outcome.drawn is None else f"{outcome.result} {outcome.drawn}"


@pytest.mark.django_db
@pytest.mark.parametrize(("price", "rows"), examples())
def test_example_of_the_document(price, rows):
    market = factories.market(funds=100_000)
    placed_at = moment("03-05")
    order = metered(market, price.pop("amount"), placed_at=placed_at, **price)
    for row in rows:
        with clock.frozen_at(moment(row["on"])):
            outcome = perform(market, order, row["act"])
        meter = meter_of(order)
        found = [outcome, meter.units, meter.drawn, meter.left]
        assert [row["outcome"], *(int(row[name]) for name in ("units", "drawn", "left"))] == found, row
    if meter.state == "ended":
        assert factories.balance(market.buyer, AccountKind.WALLET) == 90_000 + meter.left
