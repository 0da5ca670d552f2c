"""What PostgreSQL itself refuses about invoices, whoever asks by whatever statement."""

import pytest
from django.db import IntegrityError, connection, transaction

from market.documents import services
from market.documents.models import Invoice, InvoiceLine, TaxDocument
from market.kernel import clock
from market.kernel.database import insert_together, violated_constraint
from market.kernel.identifiers import uuid7
from market.settlement.models import Capture
from tests import factories
from tests.documents import invoicing
from tests.documents.invoicing import captured, issue, requested, take_back

pytestmark = pytest.mark.django_db


def refused(statement: str, *parameters) -> str:
    """The constraint by which PostgreSQL refuses the statement."""
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    return violated_constraint(error.value)


def refused_rows(*rows) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        insert_together(*rows)
    return violated_constraint(error.value)


def copies(invoice: Invoice, line: InvoiceLine, **changes) -> tuple[Invoice, InvoiceLine]:
    """Another invoice with one line like these, unsaved, the line changed."""
    another = Invoice.objects.get(id=invoice.id)
    another.id, another.state, another.ended_at = uuid7(), "requested", None
    values = {"amount": line.amount, "vat": line.vat, "order_id": line.order_id, "vendor_org_id": line.vendor_org_id}
    return another, InvoiceLine(invoice=another, capture_id=line.capture_id, **values | changes)


def test_a_capture_in_two_living_invoices():
    market, made = captured(1)
    invoice = requested(market, *made)
    assert refused_rows(*copies(invoice, invoice.lines.get())) == "invoice_line_capture_once"


@pytest.mark.parametrize(
    "changes", [{"amount": 9_999}, {"vat": 1}, {"order_id": "other"}, {"vendor_org_id": "other"}], ids=str
)
def test_a_line_that_is_not_what_was_captured(changes):
    market, made = captured(2)
    invoice = requested(market, made[0])
    line = invoice.lines.get()
    services.withdraw_invoice(actor=factories.actor_of(market.purchaser), invoice_id=invoice.id)
    others = {"order_id": made[1], "vendor_org_id": market.buyer.id}
    changes = {name: others.get(name, value) for name, value in changes.items()}
    assert refused_rows(*copies(invoice, line, **changes)) == "invoice_line_is_of_its_capture"


def test_a_line_of_another_buyer_s_order():
    market, made = captured(1)
    other, foreign = captured(1)
    invoice = requested(market, *made)
    capture = Capture.objects.get(order_id=foreign[0])
    line = InvoiceLine(
        invoice=invoice, capture=capture, order_id=capture.order_id, vendor_org_id=capture.vendor_org_id,
        amount=capture.gross, vat=capture.vat,
    )  # fmt: skip
    assert refused_rows(line) == "invoice_line_is_of_its_capture"
    assert other.vendor.id != market.vendor.id


def test_an_invoice_that_is_not_the_sum_of_its_lines():
    market, made = captured(2)
    invoice = requested(market, *made)
    services.withdraw_invoice(actor=factories.actor_of(market.purchaser), invoice_id=invoice.id)
    # Two lines' amount, one line.
    assert refused_rows(*copies(invoice, invoice.lines.first())) == "invoice_is_the_sum_of_its_lines"


def test_facts_stay_as_they_are():
    market, made = captured(1)
    invoice = requested(market, *made)
    document = issue(market, invoice)
    table = "documents_invoice"
    assert refused(f"UPDATE {table} SET amount = 1 WHERE id = %s", invoice.id) == "documents_invoice_is_immutable"
    assert refused(f"UPDATE {table} SET title = 'x' WHERE id = %s", invoice.id) == "documents_invoice_is_immutable"
    assert refused(f"DELETE FROM {table} WHERE id = %s", invoice.id) == "documents_invoice_is_immutable"
    assert (
        refused(f"UPDATE {table} SET state = 'requested' WHERE id = %s", invoice.id) == "documents_invoice_state_moves"
    )
    lines = "documents_invoiceline"
    assert refused(f"UPDATE {lines} SET amount = 1") == "documents_invoiceline_is_immutable"
    assert refused(f"DELETE FROM {lines}") == "documents_invoiceline_is_immutable"
    papers = "documents_taxdocument"
    assert (
        refused(f"UPDATE {papers} SET sha256 = sha256 WHERE id = %s", document.id)
        == "documents_taxdocument_is_immutable"
    )
    assert refused(f"DELETE FROM {papers} WHERE id = %s", document.id) == "documents_taxdocument_is_immutable"


def test_a_line_is_released_only_when_nothing_is_left_of_its_invoice():
    market, made = captured(1)
    invoice = requested(market, *made)
    release = "UPDATE documents_invoiceline SET released_at = now() WHERE invoice_id = %s"
    assert refused(release, invoice.id) == "invoice_line_released_when_dead"
    issue(market, invoice)
    take_back(market, invoice, 9_999)
    assert refused(release, invoice.id) == "invoice_line_released_when_dead"
    take_back(market, invoice, 1)
    assert invoice.lines.get().released_at is not None


def paper(invoice: Invoice, **changes) -> TaxDocument:
    values = {
        "invoice": invoice,
        "colour": "blue",
        "number": invoicing.number(),
        "issued_on": clock.business_date(),
        "amount": invoice.amount,
        "storage_name": "x",
        "media_type": "application/pdf",
        "bytes": 1,
        "sha256": "0" * 64,
    }
    return TaxDocument(**values | changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"amount": 9_999}, "tax_document_is_the_whole"),
        ({"amount": 0}, "tax_document_amount"),
        ({"colour": "red"}, "tax_document_red_after_blue"),
        ({"number": "12345678"}, "tax_document_number"),
        ({"code": "5200000000"}, "tax_document_number"),
        ({"bytes": 0}, "tax_document_file"),
        ({"sha256": "x"}, "tax_document_file"),
    ],
    ids=str,
)
def test_a_paper_that_makes_no_sense(changes, constraint):
    market, made = captured(1)
    assert refused_rows(paper(requested(market, *made), **changes)) == constraint


def test_a_second_invoice_and_red_letters_above_the_first():
    market, made = captured(1)
    invoice = requested(market, *made)
    document = issue(market, invoice)
    assert refused_rows(paper(invoice)) == "tax_document_blue_once"
    assert refused_rows(paper(invoice, colour="red", amount=10_001)) == "tax_document_red_not_above_blue"
    assert refused_rows(paper(invoice, colour="red", number=document.number)) == "tax_document_number_once"


@pytest.mark.parametrize("changes", ["title = ''", "tax_number = '123'"])
def test_a_profile_that_makes_no_sense(changes):
    market, _made = captured(1)
    statement = f"UPDATE documents_invoiceprofile SET {changes} WHERE organization_id = %s"
    assert refused(statement, market.buyer.id) == "invoice_profile_complete"
