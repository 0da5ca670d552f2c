"""Invoices through their services: what may be asked for, by whom, once; what is recorded, and taken back."""

import hashlib
import io

import pytest
from django.core.files.storage import storages

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.catalog.errors import UploadIncomplete, UploadTooLarge
from market.documents import services
from market.documents.errors import (
    InvoiceFileMissing,
    InvoiceNumberTaken,
    InvoiceProfileMissing,
    NotInvoiceable,
    RedLetterTooHigh,
)
from market.documents.models import Invoice, InvoiceLine, InvoiceProfile, TaxDocument
from market.documents.states import InvoiceState
from market.kernel import clock
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.settlement.models import Capture
from tests import factories
from tests.documents import invoicing
from tests.documents.invoicing import captured, issue, requested, take_back
from tests.settlement import lives
from tests.settlement.trades import market_with_fees
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db


def events(invoice: Invoice) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=invoice.id).order_by("id").values_list("name", flat=True))


def files() -> int:
    """How many files lie in the store of invoices."""
    try:
        folders, _files = storages["invoices"].listdir("")
    except FileNotFoundError:
        return 0
    return sum(len(storages["invoices"].listdir(folder)[1]) for folder in folders)


def test_a_request_freezes_what_was_captured_and_to_whom():
    market, made = captured(2)
    invoice = requested(market, *made)
    assert (invoice.amount, invoice.vat, invoice.vendor_org_id) == (20_000, 2 * 566, market.vendor.id)
    assert {line.order_id for line in invoice.lines.all()} == set(made)
    services.save_profile(actor=invoicing.finance_of(market), title="另一家公司", tax_number=invoicing.TAX_NUMBER)
    invoice.refresh_from_db()
    assert invoice.title == market.buyer.name
    assert events(invoice) == ["invoice.requested"]


def test_captured_money_stands_in_one_living_invoice():
    market, made = captured(2)
    first = requested(market, made[0])
    before = fingerprint()
    with pytest.raises(NotInvoiceable) as refused:
        requested(market, *made)
    assert refused.value.extra["orders"] == [str(made[0])]
    assert changed(before) == []
    requested(market, made[1])
    services.withdraw_invoice(actor=factories.actor_of(market.purchaser), invoice_id=first.id)
    again = requested(market, made[0])
    services.reject_invoice(actor=invoicing.vendor_of(market), invoice_id=again.id, reason="抬头有误")
    again.refresh_from_db()
    assert (again.state, again.reason) == (InvoiceState.REJECTED, "抬头有误")
    requested(market, made[0])
    assert InvoiceLine.objects.filter(order_id=made[0]).count() == 3
    assert InvoiceLine.objects.filter(order_id=made[0], released_at=None).count() == 1


def test_what_is_not_captured_cannot_be_invoiced():
    market, made = captured(1)
    waiting = lives.place(market)
    with pytest.raises(NotInvoiceable):
        requested(market, waiting)
    with pytest.raises(NotInvoiceable):
        requested(market, made[0], waiting)
    lives.deliver(market, waiting)
    lives.accept(market, waiting)
    lives.capture(market, waiting)
    assert requested(market, made[0], waiting).amount == 20_000


def test_what_must_be_right_about_a_request():
    market, made = captured(1)
    stranger = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    other_vendor = factories.product(factories.organization(Capacity.VENDOR))
    factories.revision(other_vendor)
    foreign = lives.place(market, factories.offer(other_vendor, 100).id)
    buyer = factories.actor_of(market.purchaser)
    before = fingerprint()

    def ask(actor=buyer, order_ids=made, kind="general"):
        return services.request_invoice(actor=actor, order_ids=order_ids, kind=kind)

    for wrong, error in (
        ({"order_ids": []}, InvalidInput),
        ({"order_ids": [foreign, *made]}, InvalidInput),
        ({"kind": "pink"}, InvalidInput),
        ({"actor": factories.actor_of(stranger)}, InvoiceProfileMissing),
        ({"actor": factories.actor_of(market.lister)}, Forbidden),
        ({"actor": invoicing.vendor_of(market)}, Forbidden),
        ({"actor": factories.actor_of(market.auditor)}, Forbidden),
    ):
        with pytest.raises(error):
            ask(**wrong)
    InvoiceProfile.objects.create(organization=stranger.organization, title="x", tax_number=factories.valid_uscc(1))
    with pytest.raises(NotFound):
        ask(actor=factories.actor_of(stranger))
    InvoiceProfile.objects.filter(organization=stranger.organization).delete()
    assert changed(before) == []


@pytest.mark.parametrize(
    ("title", "tax_number", "pointer"),
    [("", None, "/title"), ("x" * 201, None, "/title"), ("a\nb", None, "/title"), ("甲公司", "123", "/tax_number")],
)
def test_a_profile_is_refused(title, tax_number, pointer):
    market = market_with_fees()
    with pytest.raises(InvalidInput) as refused:
        services.save_profile(
            actor=invoicing.finance_of(market), title=title, tax_number=tax_number or invoicing.TAX_NUMBER
        )
    assert list(refused.value.errors) == [pointer]
    with pytest.raises(Forbidden):
        services.save_profile(
            actor=factories.actor_of(market.purchaser), title="甲公司", tax_number=invoicing.TAX_NUMBER
        )
    assert not InvoiceProfile.objects.exists()


def test_the_same_profile_again_changes_nothing():
    market = market_with_fees()
    invoicing.with_profile(market)
    before = fingerprint()
    invoicing.with_profile(market)
    assert changed(before) == []


def test_an_issued_invoice_is_recorded_with_its_file():
    market, made = captured(1)
    invoice = requested(market, *made)
    document = issue(market, invoice, number="26522000000012345678")
    invoice.refresh_from_db()
    assert invoice.state == InvoiceState.ISSUED
    assert (document.amount, document.media_type) == (10_000, "application/pdf")
    with services.open_document(document=document) as file:
        content = file.read()
    assert (content, document.sha256) == (invoicing.PDF, hashlib.sha256(invoicing.PDF).hexdigest())
    proof = AuditEvent.objects.get(subject_id=invoice.id, name="invoice.issued")
    assert proof.payload["sha256"] == document.sha256
    assert proof.payload["number"] == "26522000000012345678"
    assert proof.actor_org_id == market.vendor.id
    storages["invoices"].delete(document.storage_name)
    with pytest.raises(InvoiceFileMissing):
        services.open_document(document=document)


def test_an_operator_may_answer_for_the_vendor():
    market, made = captured(1)
    invoice = requested(market, *made)
    issue(market, invoice, actor=factories.actor_of(market.operator))
    invoice.refresh_from_db()
    assert invoice.state == InvoiceState.ISSUED


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"number": "123"}, "/number"),
        ({"number": "１" * 20}, "/number"),
        ({"number": "12345678"}, "/code"),
        ({"number": "12345678", "code": "52000000001"}, "/code"),
        ({"code": "5200000000"}, "/code"),
        ({"issued_on": clock.datetime.date(2999, 1, 1)}, "/issued_on"),
        ({"issued_on": clock.datetime.date(1990, 1, 1)}, "/issued_on"),
        ({"file": io.BytesIO(b"MZ\x90 a program")}, "/file"),
        ({"file": io.BytesIO(b"")}, "/file"),
    ],
)
def test_a_record_that_makes_no_sense_leaves_nothing(changes, pointer):
    market, made = captured(1)
    invoice = requested(market, *made)
    before, stored = fingerprint(), files()
    with pytest.raises(InvalidInput) as refused:
        issue(market, invoice, **changes)
    assert list(refused.value.errors) == [pointer]
    assert (changed(before), files()) == ([], stored)


def test_a_file_that_is_too_large_leaves_nothing(settings):
    settings.INVOICE_MAX_BYTES = 10
    market, made = captured(1)
    invoice = requested(market, *made)
    before, stored = fingerprint(), files()
    with pytest.raises((UploadTooLarge, UploadIncomplete)):
        issue(market, invoice)
    assert (changed(before), files()) == ([], stored)


@pytest.mark.parametrize(("code", "number"), [("", "26522000000012345678"), ("5200123456", "00000017")])
def test_a_number_is_recorded_once(code, number):
    market, made = captured(2)
    first, second = (requested(market, order_id) for order_id in made)
    issue(market, first, code=code, number=number)
    before, stored = fingerprint(), files()
    with pytest.raises(InvoiceNumberTaken):
        issue(market, second, code=code, number=number)
    assert (changed(before), files()) == ([], stored)
    with pytest.raises(InvoiceNumberTaken):
        take_back(market, first, 1, code=code, number=number)
    issue(market, second)


def test_red_letters_take_back_no_more_than_the_invoice():
    market, made = captured(2)
    invoice = requested(market, *made)
    with pytest.raises(IllegalTransition):
        take_back(market, invoice, 1)
    issue(market, invoice)
    with pytest.raises(RedLetterTooHigh) as refused:
        take_back(market, invoice, 20_001)
    assert refused.value.extra == {"left": 20_000}
    for amount in (0, -1):
        with pytest.raises(InvalidInput):
            take_back(market, invoice, amount)
    take_back(market, invoice, 8_000)
    # Part of it lives: its orders are invoiced.
    with pytest.raises(NotInvoiceable):
        requested(market, made[0])
    with pytest.raises(RedLetterTooHigh):
        take_back(market, invoice, 12_001)
    take_back(market, invoice, 12_000)
    invoice.refresh_from_db()
    assert invoice.state == InvoiceState.RED_LETTERED
    assert events(invoice) == [
        "invoice.requested", "invoice.issued", "invoice.red_lettered", "invoice.red_lettered",
    ]  # fmt: skip
    with pytest.raises(RedLetterTooHigh):
        take_back(market, invoice, 1)
    assert requested(market, *made).amount == 20_000
    assert list(TaxDocument.objects.filter(invoice=invoice).order_by("id").values_list("colour", "amount")) == [
        ("blue", 20_000), ("red", 8_000), ("red", 12_000),
    ]  # fmt: skip


def test_what_has_ended_or_is_issued_stays_so():
    market, made = captured(3)
    issued, withdrawn, rejected = (requested(market, order_id) for order_id in made)
    buyer, vendor = factories.actor_of(market.purchaser), invoicing.vendor_of(market)
    issue(market, issued)
    services.withdraw_invoice(actor=buyer, invoice_id=withdrawn.id)
    services.reject_invoice(actor=vendor, invoice_id=rejected.id, reason="No.")
    before, stored = fingerprint(), files()
    for invoice in (issued, withdrawn, rejected):
        for act in (
            lambda key: services.withdraw_invoice(actor=buyer, invoice_id=key),
            lambda key: services.reject_invoice(actor=vendor, invoice_id=key, reason="No."),
            lambda key: issue(market, Invoice(id=key)),
        ):
            with pytest.raises(IllegalTransition):
                act(invoice.id)
    for invoice in (withdrawn, rejected):
        with pytest.raises(IllegalTransition):
            take_back(market, invoice, 1)
    assert (changed(before), files()) == ([], stored)


def test_acts_are_for_their_own_side():
    market, made = captured(1)
    invoice = requested(market, *made)
    other_vendor = factories.member(factories.organization(Capacity.VENDOR), Role.FINANCE)
    buyer, lister = factories.actor_of(market.purchaser), factories.actor_of(market.lister)
    before, stored = fingerprint(), files()
    for actor, error in ((buyer, Forbidden), (lister, Forbidden), (factories.actor_of(other_vendor), NotFound)):
        with pytest.raises(error):
            issue(market, invoice, actor=actor)
        with pytest.raises(error):
            services.reject_invoice(actor=actor, invoice_id=invoice.id, reason="No.")
    with pytest.raises(Forbidden):
        issue(market, invoice, actor=factories.actor_of(market.auditor))
    with pytest.raises(Forbidden):
        services.withdraw_invoice(actor=invoicing.vendor_of(market), invoice_id=invoice.id)
    with pytest.raises(InvalidInput):
        services.reject_invoice(actor=invoicing.vendor_of(market), invoice_id=invoice.id, reason="  ")
    assert (changed(before), files()) == ([], stored)


def test_an_order_in_parts_has_a_line_for_each_capture():
    market, made = captured(1)
    assert Capture.objects.filter(order_id=made[0]).count() == requested(market, *made).lines.count() == 1
