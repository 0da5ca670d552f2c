"""Reads of invoices, scoped by who asks."""

import uuid
from collections.abc import Collection

from django.db.models import BigIntegerField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce

from accounts.selectors import sees_everything
from market.documents.models import Invoice, InvoiceLine, InvoiceProfile, TaxDocument
from market.documents.states import Colour
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.orders.models import Order
from market.settlement.models import Capture, Refund


def _own(actor: Actor, rows: QuerySet) -> QuerySet:
    if sees_everything(actor):
        return rows
    organization = actor.organization_id
    return rows.filter(buyer_org=organization) | rows.filter(vendor_org=organization)


def invoices_visible_to(actor: Actor) -> QuerySet[Invoice]:
    """A buyer's requests, those that a vendor is asked for, everything for auditors and operators; with both parties,
    the documents and what was ``refunded``: two queries however many."""
    rows = Invoice.objects.select_related("buyer_org", "vendor_org").prefetch_related("documents")
    return with_refunds(_own(actor, rows))


def with_refunds(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Each with ``refunded``: the fen that went back of its orders after their capture."""
    orders = InvoiceLine.objects.filter(invoice=OuterRef(OuterRef("pk"))).order_by().values("order")
    sums = _sum_of(Refund.objects.filter(order__in=orders).annotate(all=Value(1)), "all")
    return invoices.annotate(refunded=Coalesce(Subquery(sums), 0, output_field=BigIntegerField()))


def _sum_of(rows: QuerySet, group: str) -> QuerySet:
    """The ``amount`` of the rows of one ``group`` together: one column of one row."""
    sums = rows.order_by().values(group).annotate(sum=Cast(Sum("amount"), BigIntegerField()))
    return sums.values("sum")


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
    return invoice.amount - _red_of(invoice)


def owed_to_red_letters(invoice: Invoice) -> int:
    """What a red-letter invoice should take back, in fen: what went back to the buyer and stands in none yet."""
    red = _red_of(invoice)
    refunded = with_refunds(Invoice.objects.filter(id=invoice.id)).values_list("refunded", flat=True).get()
    return max(0, min(refunded, invoice.amount) - red)


def _red_of(invoice: Invoice) -> int:
    red = TaxDocument.objects.filter(invoice=invoice, colour=Colour.RED).aggregate(sum=Sum("amount"))["sum"]
    return int(red or 0)


def profile_of(actor: Actor) -> InvoiceProfile:
    """What the invoices of the actor's organisation are made out to. Raises ``NotFound`` while nobody has said."""
    found = InvoiceProfile.objects.filter(organization=actor.organization_id).first()
    if found is None:
        raise NotFound
    return found


def free_captures() -> QuerySet[Capture]:
    """Captured money that stands in no living invoice, of orders of which not everything went back to the buyer."""
    living = InvoiceLine.objects.filter(capture=OuterRef("pk"), released_at=None)
    captures = Capture.objects.filter(order=OuterRef("order")).annotate(amount=F("gross"))
    found = Capture.objects.filter(~Exists(living), gross__gt=0).annotate(
        captured=Subquery(_sum_of(captures, "order")),
        refunded=Subquery(_sum_of(Refund.objects.filter(order=OuterRef("order")), "order")),
    )
    return found.filter(Q(refunded=None) | Q(refunded__lt=F("captured")))


def captures_to_invoice(order_ids: Collection[uuid.UUID]) -> QuerySet[Capture]:
    """Of these orders, oldest first; one query."""
    return free_captures().filter(order__in=list(order_ids)).order_by("id")


def invoiceable_orders(actor: Actor) -> QuerySet[Order]:
    """The actor's purchases of which something is captured and not invoiced: that much as ``invoiceable`` (fen)."""
    free = free_captures().filter(order=OuterRef("pk")).order_by().values("order")
    amount = Subquery(free.annotate(sum=Cast(Sum("gross"), BigIntegerField())).values("sum"))
    purchases = Order.objects.filter(buyer_org=actor.organization_id).select_related("vendor_org")
    return purchases.annotate(invoiceable=amount).filter(invoiceable__gt=0)
