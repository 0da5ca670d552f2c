"""What several acts on an invoice have in common."""

import uuid
from typing import Any

from market.audit.models import AuditEvent
from market.audit.services import event
from market.documents.models import Invoice, InvoiceLine
from market.documents.selectors.invoices import invoices_visible_to
from market.documents.states import INVOICE_MOVES
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import move_instance
from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order


def lock_invoice(actor: Actor, invoice_id: uuid.UUID) -> Invoice:
    """The invoice, locked. Raises ``NotFound`` also for other organisations' invoices."""
    visible = invoices_visible_to(actor).filter(id=invoice_id)
    found = lock_in_order(visible.prefetch_related(None)).first()
    if found is None:
        raise NotFound
    return found


def move(invoice: Invoice, target: str, **changes: Any) -> None:
    """Compare-and-set in the database, and the same on the instance. Raises ``IllegalTransition``."""
    move_instance(invoice, INVOICE_MOVES, target, **changes)


def release(invoice: Invoice) -> None:
    """What the invoice was about may be invoiced again. The database refuses while anything is left of it."""
    InvoiceLine.objects.filter(invoice=invoice, released_at=None).update(released_at=clock.now())


def evidence(name: str, actor: Actor, invoice: Invoice, **payload: Any) -> AuditEvent:
    """The audit event of an act on ``invoice``: both parties and the amount (fen) are always in it."""
    return event(
        name,
        actor=actor,
        subject=("invoice", invoice.id),
        on_behalf_of=invoice.buyer_org_id,
        buyer_org_id=invoice.buyer_org_id,
        vendor_org_id=invoice.vendor_org_id,
        payload={"amount": invoice.amount, "vat": invoice.vat, "currency": invoice.currency, **payload},
    )
