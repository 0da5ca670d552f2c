"""Reads of invoices, scoped by who asks."""

import uuid
from collections.abc import Collection

from django.db.models import BigIntegerField, Exists, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Cast

from accounts.selectors import sees_everything
from market.documents.models import Invoice, InvoiceLine, InvoiceProfile, TaxDocument
from market.documents.states import Colour
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.orders.models import Order
from market.settlement.models import Capture


def _own(actor: Actor, rows: QuerySet) -> QuerySet:
    if sees_everything(actor):
        return rows
    organization = actor.organization_id
    return rows.filter(buyer_org=organization) | rows.filter(vendor_org=organization)


def invoices_visible_to(actor: Actor) -> QuerySet[Invoice]:
    """A buyer's requests, those that a vendor is asked for, everything for auditors and operators; with both parties
    and the documents: two queries however many."""
    rows = Invoice.objects.select_related("buyer_org", "vendor_org").prefetch_related("documents")
    return _own(actor, rows)


def invoice_visible_to(actor: Actor, invoice_id: uuid.UUID) -> Invoice:
    """One of them. Raises ``NotFound`` also for other organisations' invoices."""
    found = invoices_visible_to(actor).filter(id=invoice_id).first()
    if found is None:
        raise NotFound
    return found


def lines_of(invoice: Invoice) -> QuerySet[InvoiceLine]:
    """What the invoice is about, with the orders, oldest first; one query."""
    return InvoiceLine.objects.filter(invoice=invoice).select_related("order").order_by("id")


def document_visible_to(actor: Actor, invoice_id: uuid.UUID, document_id: uuid.UUID) -> TaxDocument:
    """An issued invoice of a visible request. Raises ``NotFound``."""
    visible = _own(actor, Invoice.objects.filter(id=invoice_id))
    found = TaxDocument.objects.filter(id=document_id, invoice__in=visible.values("id")).first()
    if found is None:
        raise NotFound
    return found


def left_of(invoice: Invoice) -> int:
    """What no red-letter invoice has taken back yet, in fen; one query."""
    red = TaxDocument.objects.filter(invoice=invoice, colour=Colour.RED).aggregate(sum=Sum("amount"))["sum"]
    return invoice.amount - int(red or 0)


def profile_of(actor: Actor) -> InvoiceProfile:
    """What the invoices of the actor's organisation are made out to. Raises ``NotFound`` while nobody has said."""
    found = InvoiceProfile.objects.filter(organization=actor.organization_id).first()
    if found is None:
        raise NotFound
    return found


def free_captures() -> QuerySet[Capture]:
    """Captured money that stands in no living invoice."""
    living = InvoiceLine.objects.filter(capture=OuterRef("pk"), released_at=None)
    return Capture.objects.filter(~Exists(living), gross__gt=0)


def captures_to_invoice(order_ids: Collection[uuid.UUID]) -> QuerySet[Capture]:
    """Of these orders, oldest first; one query."""
    return free_captures().filter(order__in=list(order_ids)).order_by("id")


def invoiceable_orders(actor: Actor) -> QuerySet[Order]:
    """The actor's purchases of which something is captured and not invoiced: that much as ``invoiceable`` (fen)."""
    free = free_captures().filter(order=OuterRef("pk")).order_by().values("order")
    amount = Subquery(free.annotate(sum=Cast(Sum("gross"), BigIntegerField())).values("sum"))
    purchases = Order.objects.filter(buyer_org=actor.organization_id).select_related("vendor_org")
    return purchases.annotate(invoiceable=amount).filter(invoiceable__gt=0)
