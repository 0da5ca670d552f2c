"""What the vendor, or an operator for it, does: record the invoice that was issued, or say why none will be."""

import datetime
import re
import uuid
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.states import Capacity, Role
from market.catalog.files import StoredFile, discard, receive
from market.documents.errors import InvoiceFileMissing, InvoiceNumberTaken, RedLetterTooHigh
from market.documents.models import Invoice, TaxDocument
from market.documents.selectors.invoices import invoice_visible_to, left_of
from market.documents.services.steps import evidence, lock_invoice, move, release
from market.documents.states import INVOICE_MOVES, Colour, InvoiceState
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import Forbidden, InvalidInput
from market.kernel.identifiers import uuid7
from market.kernel.money import to_text
from market.kernel.words import clean_reason

STORE = "invoices"
FIRST_DAY = datetime.date(1994, 1, 1)
"""VAT invoices exist in China since then."""

_NUMBER = re.compile(r"[0-9]{20}|[0-9]{8}", re.ASCII)
_CODE = re.compile(r"[0-9]{10}|[0-9]{12}", re.ASCII)
_KINDS_OF_FILE = {b"%PDF-": "application/pdf", b"PK\x03\x04": "application/ofd", b"<?xml": "application/xml"}
ENDINGS = {"application/pdf": "pdf", "application/ofd": "ofd", "application/xml": "xml"}
"""The forms in which tax systems hand invoices out."""


def may_answer(actor: Actor, invoice: Invoice) -> bool:
    """Whether the actor answers for the vendor: those who handle its money, or the exchange's."""
    if actor is SYSTEM:
        return True
    if Capacity.OPERATOR in actor.capacities:
        return actor.role in (Role.OPERATOR, Role.FINANCE)
    return actor.organization_id == invoice.vendor_org_id and actor.role in (Role.OWNER, Role.FINANCE)


def reject_invoice(*, actor: Actor, invoice_id: uuid.UUID, reason: str) -> Invoice:
    """Say why this request will not be invoiced; its orders may be asked for again.

    Raises ``InvalidInput`` without a reason, ``IllegalTransition`` unless it is requested, ``Forbidden``, ``NotFound``.
    """
    reason = clean_reason(reason)
    with transaction.atomic():
        invoice = lock_invoice(actor, invoice_id)
        _require_answerer(actor, invoice)
        move(invoice, InvoiceState.REJECTED, reason=reason, ended_at=clock.now())
        release(invoice)
        insert_together(evidence("invoice.rejected", actor, invoice, reason=reason))
    return invoice


def issue_invoice(
    *, actor: Actor, invoice_id: uuid.UUID, code: str, number: str, issued_on: datetime.date, file: BinaryIO
) -> TaxDocument:
    """Record the invoice that the tax system issued, for the whole amount of the request, with its file.

    The file (PDF, OFD or XML, at most ``INVOICE_MAX_BYTES``) is streamed into the store and hashed on its way.

    Raises ``InvalidInput`` (pointers ``/code``, ``/number``, ``/issued_on``, ``/file``), ``InvoiceNumberTaken``,
    ``UploadTooLarge``, ``UploadIncomplete``, ``IllegalTransition`` unless it is requested, ``Forbidden``, ``NotFound``.
    """
    invoice = invoice_visible_to(actor, invoice_id)
    _require_answerer(actor, invoice)
    INVOICE_MOVES.require(invoice.state, InvoiceState.ISSUED)
    return _record(actor, invoice, Colour.BLUE, invoice.amount, code, number, issued_on, file)


def red_letter(
    *,
    actor: Actor,
    invoice_id: uuid.UUID,
    amount: int,
    code: str,
    number: str,
    issued_on: datetime.date,
    file: BinaryIO,
) -> TaxDocument:
    """Record a red-letter invoice that takes back ``amount`` fen of an issued one; several may, up to all of it.

    When nothing is left of the invoice, its orders may be invoiced again.

    Raises as ``issue_invoice``, and ``RedLetterTooHigh``.
    """
    invoice = invoice_visible_to(actor, invoice_id)
    _require_answerer(actor, invoice)
    INVOICE_MOVES.require(invoice.state, InvoiceState.RED_LETTERED)
    if amount <= 0:
        raise InvalidInput(errors={"/amount": _("More than nothing.")})
    _require_left(invoice, amount)
    return _record(actor, invoice, Colour.RED, amount, code, number, issued_on, file)


def _require_answerer(actor: Actor, invoice: Invoice) -> None:
    if not may_answer(actor, invoice):
        raise Forbidden(_("Only the vendor's owner or finance, or an operator, may do this."))


def _require_left(invoice: Invoice, amount: int) -> None:
    left = left_of(invoice)
    if amount > left:
        raise RedLetterTooHigh(_("%(left)s yuan are left of it.") % {"left": to_text(left)}, left=left)


def _record(
    actor: Actor,
    invoice: Invoice,
    colour: str,
    amount: int,
    code: str,
    number: str,
    issued_on: datetime.date,
    file: BinaryIO,
) -> TaxDocument:
    code, number = code.strip(), number.strip()
    media_type = _checked(code, number, issued_on, file)
    key = uuid7()
    stored = receive(f"{invoice.id}/{key}", file, store=STORE, limit=settings.INVOICE_MAX_BYTES)
    try:
        return _recorded(
            actor,
            invoice,
            TaxDocument(
                id=key,
                invoice=invoice,
                colour=colour,
                code=code,
                number=number,
                issued_on=issued_on,
                amount=amount,
                storage_name=stored.name,
                media_type=media_type,
                bytes=stored.bytes,
                sha256=stored.sha256,
            ),
            stored,
        )
    except BaseException:
        discard([stored.name], STORE)
        raise


def _recorded(actor: Actor, invoice: Invoice, document: TaxDocument, stored: StoredFile) -> TaxDocument:
    is_red = document.colour == Colour.RED
    name = "invoice.red_lettered" if is_red else "invoice.issued"
    proof = evidence(
        name,
        actor,
        invoice,
        document=str(document.id),
        document_amount=document.amount,
        code=document.code,
        number=document.number,
        issued_on=document.issued_on.isoformat(),
        sha256=stored.sha256,
        bytes=stored.bytes,
    )
    try:
        with transaction.atomic():
            invoice = lock_invoice(actor, invoice.id)
            move(invoice, InvoiceState.RED_LETTERED if is_red else InvoiceState.ISSUED)
            if is_red:
                _require_left(invoice, document.amount)
            insert_together(document, proof)
            if is_red and left_of(invoice) == 0:
                release(invoice)
    except IntegrityError as error:
        if violated_constraint(error) == "tax_document_number_once":
            raise InvoiceNumberTaken(_("Check the code and the number.")) from error
        raise
    return document


def _checked(code: str, number: str, issued_on: datetime.date, file: BinaryIO) -> str:
    """The media type of the file. Raises ``InvalidInput`` naming everything that is wrong."""
    errors = {}
    if not _NUMBER.fullmatch(number):
        errors["/number"] = _("20 digits of a fully digital invoice, or 8 digits.")
    elif len(number) == 20 and code:
        errors["/code"] = _("A fully digital invoice has no code: leave it empty.")
    elif len(number) == 8 and not _CODE.fullmatch(code):
        errors["/code"] = _("10 or 12 digits, for an invoice whose number has 8.")
    if not FIRST_DAY <= issued_on <= clock.business_date():
        errors["/issued_on"] = _("A day that has come already.")
    beginning = file.read(8)
    file.seek(0)
    media_type = next((kind for magic, kind in _KINDS_OF_FILE.items() if beginning.startswith(magic)), "")
    if not media_type:
        errors["/file"] = _("A PDF, OFD or XML file, as the tax system hands it out.")
    if errors:
        raise InvalidInput(errors=errors)
    return media_type


def open_document(*, document: TaxDocument) -> File:
    """The file, open for reading. Raises ``InvoiceFileMissing``."""
    try:
        return storages[STORE].open(document.storage_name)
    except FileNotFoundError as error:
        raise InvoiceFileMissing(_("Ask the vendor for it, and tell the operator.")) from error
