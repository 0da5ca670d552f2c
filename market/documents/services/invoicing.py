"""What a buyer does: say what invoices are made out to, ask for one, take the request back."""

import uuid
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.states import Capacity, Role
from accounts.validators import validate_uscc
from market.audit.services import event
from market.documents.errors import InvoiceProfileMissing, NotInvoiceable
from market.documents.models import Invoice, InvoiceLine, InvoiceProfile
from market.documents.selectors.invoices import captures_to_invoice
from market.documents.services.steps import evidence, lock_invoice, move, release
from market.documents.states import InvoiceKind, InvoiceState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from market.orders.models import Order
from market.settlement.models import Capture

ASKING_ROLES = (Role.OWNER, Role.FINANCE, Role.PURCHASER)
PROFILE_ROLES = (Role.OWNER, Role.FINANCE)
MAX_TITLE = 200
MAX_ORDERS = 200
"""Orders of one invoice."""


def save_profile(*, actor: Actor, title: str, tax_number: str) -> InvoiceProfile:
    """Say what the buyer's invoices are made out to from now on. The same words again change nothing.

    Raises ``InvalidInput`` for an empty title or a tax number that is no Unified Social Credit Code, ``Forbidden``.
    """
    actor.require_role(*PROFILE_ROLES)
    actor.require_capacity(Capacity.BUYER)
    title, errors = title.strip(), {}
    if not 0 < len(title) <= MAX_TITLE or not title.isprintable():
        errors["/title"] = _("1 to %(most)d printable characters.") % {"most": MAX_TITLE}
    try:
        validate_uscc(tax_number)
    except ValidationError as error:
        errors["/tax_number"] = " ".join(error.messages)
    if errors:
        raise InvalidInput(errors=errors)
    with transaction.atomic():
        known = InvoiceProfile.objects.select_for_update().filter(organization=actor.organization_id).first()
        if known and (known.title, known.tax_number) == (title, tax_number):
            return known
        values = {"title": title, "tax_number": tax_number, "updated_at": clock.now()}
        saved, _made = InvoiceProfile.objects.update_or_create(organization_id=actor.organization_id, defaults=values)
        insert_together(
            event(
                "invoice_profile.saved",
                actor=actor,
                subject=("invoice_profile", saved.id),
                buyer_org_id=actor.organization_id,
                payload={"title": title, "tax_number": tax_number},
            )
        )
    return saved


def request_invoice(*, actor: Actor, order_ids: Sequence[uuid.UUID], kind: str) -> Invoice:
    """Ask the vendor of these orders to invoice what was captured of them and stands in no living invoice.

    The amount (fen) and the VAT in it are those of the captures. ``kind`` is a value of ``InvoiceKind``.

    Raises ``InvalidInput`` (no order, too many, of several vendors), ``NotFound`` when one is not the buyer's own,
    ``NotInvoiceable`` naming the orders without anything to invoice, ``InvoiceProfileMissing``, ``Forbidden``.
    """
    actor.require_role(*ASKING_ROLES)
    actor.require_capacity(Capacity.BUYER)
    wanted = list(dict.fromkeys(order_ids))
    if not 0 < len(wanted) <= MAX_ORDERS:
        raise InvalidInput(errors={"/orders": _("1 to %(most)d orders.") % {"most": MAX_ORDERS}})
    if kind not in InvoiceKind.values:
        raise InvalidInput(errors={"/kind": _("There is no such kind of invoice.")})
    profile = InvoiceProfile.objects.filter(organization=actor.organization_id).first()
    if profile is None:
        raise InvoiceProfileMissing(_("Say first what your invoices are made out to: PUT invoice-profile."))
    orders = _own_orders(actor, wanted)
    captures = list(captures_to_invoice(wanted))
    _require_something_of_each(orders, {capture.order_id for capture in captures})
    invoice = Invoice(
        buyer_org_id=actor.organization_id,
        vendor_org_id=orders[0].vendor_org_id,
        kind=kind,
        title=profile.title,
        tax_number=profile.tax_number,
        amount=sum(capture.gross for capture in captures),
        vat=sum(capture.vat for capture in captures),
        currency=captures[0].currency,
    )
    lines = [_line(invoice, capture) for capture in captures]
    proof = evidence(
        "invoice.requested", actor, invoice, kind=kind, orders=sorted({str(line.order_id) for line in lines})
    )
    try:
        with transaction.atomic():
            insert_together(invoice, lines, proof)
    except IntegrityError as error:
        if violated_constraint(error) == "invoice_line_capture_once":
            raise NotInvoiceable(_("Somebody has just asked for an invoice of one of them."), orders=[]) from error
        raise
    return invoice


def _own_orders(actor: Actor, wanted: Sequence[uuid.UUID]) -> list[Order]:
    orders = list(Order.objects.filter(id__in=wanted, buyer_org=actor.organization_id))
    if len(orders) != len(wanted):
        raise NotFound(_("Some of these orders are not yours."))
    if len({(order.vendor_org_id, order.currency) for order in orders}) > 1:
        raise InvalidInput(errors={"/orders": _("An invoice is of one vendor and in one currency: ask for several.")})
    return orders


def _require_something_of_each(orders: Sequence[Order], found: set[uuid.UUID]) -> None:
    empty = [str(order.id) for order in orders if order.id not in found]
    if empty:
        raise NotInvoiceable(
            _("Nothing of them is captured, or all of it is invoiced or went back to you: %(orders)s.")
            % {"orders": ", ".join(empty[:5])},
            orders=empty,
        )


def _line(invoice: Invoice, capture: Capture) -> InvoiceLine:
    return InvoiceLine(
        id=uuid7(),
        invoice=invoice,
        capture=capture,
        order_id=capture.order_id,
        vendor_org_id=capture.vendor_org_id,
        amount=capture.gross,
        vat=capture.vat,
    )


def withdraw_invoice(*, actor: Actor, invoice_id: uuid.UUID) -> Invoice:
    """The buyer takes a request back that nobody has answered; its orders may be asked for again.

    Raises ``IllegalTransition`` when it is issued or ended, ``Forbidden``, ``NotFound``.
    """
    actor.require_role(*ASKING_ROLES)
    with transaction.atomic():
        invoice = lock_invoice(actor, invoice_id)
        if invoice.buyer_org_id != actor.organization_id:
            raise Forbidden(_("Only the buyer may do this."))
        move(invoice, InvoiceState.WITHDRAWN, ended_at=clock.now())
        release(invoice)
        insert_together(evidence("invoice.withdrawn", actor, invoice))
    return invoice
