"""What delivery does about a disputed order: it says what was really sent, and takes the right away after a refund."""

import hashlib
import uuid
from typing import Any

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.utils.translation import gettext as _

from market.delivery.errors import AlreadyRevoked
from market.delivery.models import Delivery, Entitlement, Receipt
from market.delivery.services.entitlements import revoke_entitlement
from market.delivery.services.handing_over import manifest_sha256
from market.delivery.states import DeliveryState
from market.kernel.actors import SYSTEM
from market.orders import services as orders
from market.orders.selectors import dispute_of
from market.orders.states import EvidenceKind


def testify(*, order_id: uuid.UUID) -> None:
    """Attach to the order's dispute what was handed over and sent until it was opened; asked again, nothing is added.

    Raises ``NotFound`` for an order without a dispute.
    """
    dispute = dispute_of(SYSTEM, order_id)
    handed_over = Delivery.objects.filter(order=order_id, state=DeliveryState.HANDED_OVER).first()
    receipts = Receipt.objects.filter(entitlement__order=order_id, finished_at__lte=dispute.opened_at)
    document = {
        "order": dispute.order.number,
        "handed_over": _handing_over(handed_over) if handed_over else None,
        "receipts": _summary(receipts),
        "files": [
            {"path": row["asset__path"], "bytes": row["asset__bytes"], "bytes_sent": int(row["sent"])}
            for row in receipts.order_by("asset__path")
            .values("asset__path", "asset__bytes")
            .annotate(sent=Sum("bytes_sent"))
        ],
    }
    orders.attach_evidence(order_id=order_id, kind=EvidenceKind.DELIVERY, document=document)


def _handing_over(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery": str(delivery.id),
        "at": delivery.finished_at.isoformat(),
        "files": len(delivery.manifest),
        "manifest_sha256": manifest_sha256(delivery.manifest),
    }


def _summary(receipts: QuerySet[Receipt]) -> dict[str, Any]:
    """Sums of the receipts, and one hash over all of them, a line each, so that none can be slipped in afterwards."""
    sums = receipts.aggregate(
        count=Count("id"), sent=Sum("bytes_sent"), first=Min("started_at"), last=Max("finished_at")
    )
    digest = hashlib.sha256()
    columns = ("id", "asset_id", "range_start", "bytes_sent", "finished_at")
    for key, asset, start, sent, at in receipts.order_by("id").values_list(*columns).iterator():
        digest.update(f"{key} {asset} {start} {sent} {at.isoformat()}\n".encode())
    return {
        "count": sums["count"],
        "bytes_sent": int(sums["sent"] or 0),
        "first_at": sums["first"].isoformat() if sums["first"] else None,
        "last_at": sums["last"].isoformat() if sums["last"] else None,
        "sha256": digest.hexdigest(),
    }


def revoke_refunded(*, order_id: uuid.UUID) -> None:
    """End the right to receive what was refunded whole; asked again, it is ended already."""
    entitlement = Entitlement.objects.filter(order=order_id).first()
    if entitlement is None or entitlement.revoked_at is not None:
        return
    try:
        revoke_entitlement(
            actor=SYSTEM, entitlement_id=entitlement.id, reason=_("The order was refunded after a dispute.")
        )
    except AlreadyRevoked:
        # An operator was quicker: what was wanted has happened.
        return
