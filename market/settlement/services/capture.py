"""A charge's money, out of escrow, becomes the vendor's, the exchange's and the tax office's."""

import datetime
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import copy_together, insert_together
from market.ledger.models import Transfer
from market.ledger.services import posting, transfer
from market.ledger.states import TransferKind
from market.orders import services as orders
from market.orders.states import OrderState
from market.settlement.division import divide
from market.settlement.errors import NoFeeSchedule, NotCapturable
from market.settlement.models import Capture
from market.settlement.selectors import Sale, sales

Rows = tuple[list[Capture], list[Transfer], list[AuditEvent]]
"""What the capture of one charge inserts."""

CHUNK = 500
"""Charges a transaction: few enough to let others at the same accounts soon, many enough to make a trip worth it."""


def capture_many(*, charge_ids: Sequence[uuid.UUID]) -> int:
    """Divide charges of accepted orders into the vendor's net, commission and VAT; returns how many were divided.

    A charge that has been captured before is left as it is: calling again does no harm, and where two race the database
    refuses the second capture. A charge of nothing has nothing to divide; when it is the order's final one, the order
    is settled at once. Each chunk of ``CHUNK`` charges is a transaction unless the caller has opened one.

    Raises ``NotCapturable`` naming the charges that are unknown, of an order that is not accepted, lack an account, or
    would end a trade of which other charges are open; ``NoFeeSchedule``; nothing of the chunk has happened then.
    """
    return sum(_capture(charge_ids[start : start + CHUNK]) for start in range(0, len(charge_ids), CHUNK))


def _capture(charge_ids: Sequence[uuid.UUID]) -> int:
    now = clock.now()
    found = sales(charge_ids, now)
    _require_capturable(charge_ids, found)
    paid = [sale for sale in found if sale.amount and not sale.is_captured]
    free = [sale.order_id for sale in found if sale.is_final and not sale.amount and sale.state == OrderState.ACCEPTED]
    # No savepoint inside a caller's transaction: what the database refuses fails the caller, and saves it two trips.
    with posting(), transaction.atomic(savepoint=False):
        _insert([_rows_of(sale, now) for sale in paid])
        if free:
            orders.mark_settled(order_ids=free)
    return len(paid)


def _require_capturable(charge_ids: Sequence[uuid.UUID], found: Sequence[Sale]) -> None:
    problems = {str(charge_id): _("unknown") for charge_id in set(charge_ids) - {sale.charge_id for sale in found}}
    for sale in found:
        if sale.state not in (OrderState.ACCEPTED, OrderState.SETTLED):
            problems[str(sale.charge_id)] = _("its order is %(state)s, not accepted") % {"state": sale.state}
        elif sale.must_wait:
            problems[str(sale.charge_id)] = _("the order's other charges are not captured yet")
        elif sale.amount and None in (sale.escrow_id, sale.payable_id, sale.commission_id, sale.vat_id):
            problems[str(sale.charge_id)] = _("the buyer or the vendor has no account in %(currency)s yet") % {
                "currency": sale.currency
            }
    if problems:
        text = "; ".join(f"{charge_id}: {problem}" for charge_id, problem in sorted(problems.items())[:5])
        raise NotCapturable(text, charges=problems)
    if any(sale.amount and sale.schedule_id is None for sale in found):
        raise NoFeeSchedule(_("Create one with manage.py fee_schedule, or in the operators' workspace."))


def _insert(captured: Sequence[Rows]) -> None:
    """One charge's rows in one round trip; many charges' by three COPYs, which take a fifth of the time."""
    if len(captured) == 1:
        insert_together(*captured[0])
        return
    captures, legs, proofs = ([row for rows in captured for row in rows[kind]] for kind in range(3))
    copy_together(captures)
    copy_together(legs)
    copy_together(proofs)


def _rows_of(sale: Sale, now: datetime.datetime) -> Rows:
    parts = divide(sale.amount, commission_bps=sale.commission_bps, vat_bps=sale.vat_bps)
    capture = Capture(
        charge_id=sale.charge_id,
        order_id=sale.order_id,
        vendor_org_id=sale.vendor_org_id,
        schedule_id=sale.schedule_id,
        taxpayer_type=sale.taxpayer_type,
        gross=sale.amount,
        net=parts.net,
        commission=parts.commission,
        vat=parts.vat,
        currency=sale.currency,
        captured_at=now,
    )
    legs = (
        ("net", TransferKind.CAPTURE_NET, sale.payable_id, parts.net),
        ("commission", TransferKind.CAPTURE_COMMISSION, sale.commission_id, parts.commission),
        ("vat", TransferKind.CAPTURE_VAT, sale.vat_id, parts.vat),
    )
    moved = [
        transfer(
            debit=sale.escrow_id,
            credit=credit,
            amount=amount,
            kind=kind,
            subject=("order", sale.order_id),
            business_key=f"order:{sale.order_id}:capture:{sale.part}:{name}",
            tx_id=capture.id,
            currency=sale.currency,
        )
        for name, kind, credit, amount in legs
        if amount
    ]
    proof = event(
        "order.captured",
        actor=SYSTEM,
        subject=("order", sale.order_id),
        on_behalf_of=sale.vendor_org_id,
        buyer_org_id=sale.buyer_org_id,
        vendor_org_id=sale.vendor_org_id,
        payload={
            "charge": str(sale.charge_id),
            "part": sale.part,
            "gross": sale.amount,
            "net": parts.net,
            "commission": parts.commission,
            "vat": parts.vat,
            "currency": sale.currency,
            "fee_schedule_version": sale.schedule_version,
            "taxpayer_type": sale.taxpayer_type,
        },
    )
    return [capture], moved, [proof]
