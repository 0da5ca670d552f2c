"""docs/documents.md, executed."""

import re
from pathlib import Path

import pytest

from market.documents.selectors.invoices import captures_to_invoice, left_of
from market.documents.writers import FORMS
from market.kernel.money import from_text, to_text
from tests import factories
from tests.documents import books, invoicing

DOCUMENT = (Path(__file__).parents[2] / "docs" / "documents.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of the first table under that heading, without its head."""
    section = DOCUMENT.split(f"### {heading}\n", 1)[1]
    rows = re.search(r"((?:^\|[^\n]*\n)+)", section, re.MULTILINE)[1].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.django_db
def test_a_vendor_s_november():
    market = books.market_with_books()
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    address = f"/api/v1/account-statements/{payable.id}"
    found = client.get(address, {"month": "2026-11"}).json()
    lines = client.get(f"{address}/lines", {"month": "2026-11"}).json()["results"]
    told = [["", "opening", "", "", to_text(found["opening"])]]
    for line in lines:
        amounts = [to_text(line["amount"]), ""] if line["amount"] > 0 else ["", to_text(-line["amount"])]
        told.append([line["posted_at"][:10], line["act"], *amounts, to_text(line["balance"])])
    told.append(["", "closing", *(to_text(found[name]) for name in ("credited", "debited", "closing"))])
    assert table("A vendor's November") == told
    gross, commission, vat = (to_text(found["sales"][name]) for name in ("gross", "commission", "vat"))
    assert f"Captured sales {gross}, of it commission {commission} and VAT {vat}" in DOCUMENT


def test_how_long_files_may_be():
    limits = {row[0].lower(): int(re.sub(r"\D", "", row[2])) for row in table("The files")}
    assert limits == {form: how.limit for form, how in FORMS.items()}


@pytest.mark.django_db
def test_an_invoice_of_two_orders_taken_back():
    market, made = invoicing.captured(2)
    invoice = None
    for act, *expected in table("An invoice of two orders, taken back"):
        if act == "request":
            invoice = invoicing.requested(market, *made)
        elif act == "issue":
            invoicing.issue(market, invoice)
        else:
            invoicing.take_back(market, invoice, from_text(act.removeprefix("red-letter ")))
        left = left_of(invoice)
        again = "yes" if captures_to_invoice(made).exists() else "no"
        assert [to_text(invoice.amount), to_text(invoice.amount - left), to_text(left), again] == expected, act
