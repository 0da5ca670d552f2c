"""docs/banking.md, executed."""

import re
from pathlib import Path

import pytest
from django.db import connection

from market.banking.models import BankLine
from market.banking.states import Doubt, LineState
from market.kernel.money import from_text
from market.ledger.remittance import written_in
from market.settlement.services import reconcile
from market.settlement.states import PayoutState
from tests import factories
from tests.banking.messages import Entry
from tests.banking.money import imported, sent_payout, state_of, wallet

DOCUMENT = (Path(__file__).parents[2] / "docs" / "banking.md").read_text()


def table_under(title: str) -> list[list[str]]:
    """The cells of the table in that section, without its head."""
    section = DOCUMENT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.parametrize(("written", "read"), table_under("The remittance code"))
def test_what_is_written_is_read_as_the_table_says(written, read):
    codes, misspelt = written_in(written)
    assert (next(iter(codes), "misspelt" if misspelt else "nothing")) == read


@pytest.mark.django_db
def test_the_example(market):
    payout = sent_payout(market)
    assert payout.amount == 8_934
    purse = factories.organization("buyer")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ledger_account SET remittance_code = 'QSK7MP3XQ4G' WHERE kind = 'wallet' AND organization_id = %s",
            [purse.id],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    entries = []
    rows = table_under("An example")
    for side, yuan, words, _state, _doubt in rows:
        amount = from_text(yuan) * (1 if side == "credit" else -1)
        entries.append(Entry(amount, payout.reference if "reference" in words else words))
    imported(entries)
    assert [state_of(entry) for entry in entries] == [(state, doubt) for *_rest, state, doubt in rows]
    assert factories.balance(purse, "wallet") == 50_000
    payout.refresh_from_db()
    assert payout.state == PayoutState.CONFIRMED
    assert BankLine.objects.filter(state=LineState.WAITING).count() == 3
    assert wallet(market) >= 0 and reconcile().is_clean


def test_the_document_names_what_there_is():
    shown = {cell for row in table_under("An example") for cell in row}
    assert shown & set(LineState.values) and shown & set(Doubt.values)
    for name in re.findall(r"manage.py (\w+)", DOCUMENT):
        folder = Path(__file__).parents[2] / "market" / "banking" / "management" / "commands"
        assert (folder / f"{name}.py").exists(), name
