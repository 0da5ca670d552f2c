"""Every example of docs/subscriptions.md, carried out day by day."""

import json
import re
from pathlib import Path

import pytest

from market.billing import services
from market.billing.models import Subscription
from market.settlement.services import reconcile
from tests import factories
from tests.billing.contracts import beat, day, market_of_contracts, money, on, subscribed
from tests.orders.trades import buyer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "subscriptions.md").read_text()
EXAMPLE = re.compile(r"### ([^\n]*)\n\n(?:[^#`\n][^\n]*\n+)*```json\n(.*?)```\n\n((?:\|[^\n]*\n)+)", re.DOTALL)


def examples() -> list:
    found = []
    for title, contract, table in EXAMPLE.findall(DOCUMENT):
        head, _rule, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines())
        found.append(pytest.param(json.loads(contract), [dict(zip(head, row, strict=True)) for row in rows], id=title))
    return found


def carry_out(market: factories.Market, subscription: Subscription, row: dict[str, str]) -> None:
    """What the row says somebody does; the exchange does the rest by itself."""
    what = row["what happens"]
    with on(row["day"]):
        if what == "the buyer cancels":
            services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
        elif agreed := re.fullmatch(r"both agree on (\S+)", what):
            services.terminate_subscription(order_id=subscription.order_id, leaves_on=day(agreed[1]))
        elif deposited := re.fullmatch(r"deposit of (\d+)", what):
            factories.fund(market.buyer, int(deposited[1]))
    beat(row["day"])


@pytest.mark.django_db
@pytest.mark.parametrize(("contract", "rows"), examples())
def test_example_of_the_document(contract, rows):
    market = market_of_contracts(funds=contract.pop("wallet"))
    assert rows[0]["what happens"] == "ordered and accepted"
    subscription = subscribed(market, **contract, when=day(rows[0]["day"]))
    for number, row in enumerate(rows):
        if number:
            carry_out(market, subscription, row)
        subscription.refresh_from_db()
        state = f"ended: {subscription.end_reason}" if subscription.end_reason else str(subscription.state)
        escrowed, returned, charged = money(subscription.order)
        assert (row["in"], row["charged"], row["returned"], row["state"]) == (
            str(escrowed),
            str(charged),
            str(returned),
            state,
        ), f"on {row['day']}"
    assert reconcile().is_clean


def test_the_document_has_examples_of_everything():
    found = examples()
    assert len(found) == DOCUMENT.count("```json") >= 10
    states = {row["state"] for parameter in found for row in parameter.values[1]}
    assert {"running", "past_due", "suspended"} <= states
    assert {"ended: term_over", "ended: renewed", "ended: trial", "ended: agreement", "ended: unpaid"} <= states
