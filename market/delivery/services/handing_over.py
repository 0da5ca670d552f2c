"""Handing an order over: check every file against what was published, then give the buyer the right to it.

Long work under one outbox job. A worker that dies is followed by another on the same ``Delivery`` row; whichever
holds the job's fence at the end commits, and its effect and the job's end commit together.
"""

import dataclasses
import hashlib
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.utils.translation import gettext as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.models import Asset
from market.delivery.models import Delivery, Entitlement
from market.delivery.states import DELIVERY_MOVES, DeliveryState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together, move_state
from market.kernel.errors import IllegalTransition
from market.orders import services as orders
from market.orders.models import Order
from market.orders.selectors import order_visible_to
from market.orders.states import OrderState
from market.outbox.errors import Hopeless
from market.outbox.models import Job
from market.outbox.services import finish, renew

BLOCK = 1024 * 1024


def hand_over(job: Job) -> None:
    """Do one delivery job: deliver, or abandon an order that does not wait for it any more.

    Raises ``Hopeless`` for a file that is missing or is not what was published, ``LeaseLost`` when another worker
    has taken the job over.
    """
    try:
        order, delivery = _begin(job)
        manifest = _verified(job, order, delivery)
        _complete(job, order, delivery, manifest)
    except IllegalTransition as refusal:
        _abandon(job, str(refusal))


def give_up(job: Job) -> None:
    """End the delivery of a job that will not be tried again; the order waits for an operator or its refund.

    Runs in the transaction that buries the job. An order that was cancelled meanwhile stays cancelled.
    """
    order = order_visible_to(SYSTEM, job.subject_id)
    delivery = _delivery_of(job, order)
    reason = delivery.failure_reason or _("The files could not be read. The operator has been told.")
    order = orders.mark_delivery_failed(order_id=order.id, reason=reason)
    failed = order.state == OrderState.DELIVERY_FAILED
    _end(delivery, DeliveryState.FAILED if failed else DeliveryState.ABANDONED, reason)


def _begin(job: Job) -> tuple[Order, Delivery]:
    """The order, marked as being delivered, and this job's delivery with one more attempt."""
    with transaction.atomic():
        renew(job)
        order = orders.mark_delivering(order_id=job.subject_id)
        delivery = _delivery_of(job, order)
        delivery.attempts += 1
        if delivery._state.adding:
            delivery.save(force_insert=True)
        elif delivery.state == DeliveryState.RUNNING:
            Delivery.objects.filter(id=delivery.id).update(attempts=delivery.attempts, failure_reason="")
        else:
            raise DELIVERY_MOVES.illegal(delivery.state, DeliveryState.RUNNING)
    return order, delivery


def _delivery_of(job: Job, order: Order) -> Delivery:
    """The delivery under this job, unsaved if this is its first attempt. Its number is the try in the job's key.

    The transaction has touched the job's row before, so nobody else is making the same one.
    """
    number = int(job.key.rpartition(":")[2])
    return Delivery.objects.filter(order=order, number=number).first() or Delivery(
        order=order,
        number=number,
        job_id=job.id,
        buyer_org_id=order.buyer_org_id,
        vendor_org_id=order.vendor_org_id,
    )


def _verified(job: Job, order: Order, delivery: Delivery) -> list[dict[str, Any]]:
    """The manifest of the order's revision, every file read and found to be what was published.

    A revision revoked since is delivered all the same: it was withdrawn from new orders, and this one stands.
    """
    try:
        return list(_manifest_lines(job, order))
    except Hopeless as refusal:
        Delivery.objects.filter(id=delivery.id, state=DeliveryState.RUNNING).update(failure_reason=str(refusal))
        raise


def _manifest_lines(job: Job, order: Order) -> Iterator[dict[str, Any]]:
    lease = _Lease(job)
    for asset in Asset.objects.filter(revision=order.revision_id).order_by("path"):
        _require_intact(asset, lease)
        yield {"asset": str(asset.id), "path": asset.path, "bytes": asset.bytes, "sha256": asset.sha256}


@dataclasses.dataclass
class _Lease:
    """Renews the job's lease when a third of it has passed."""

    job: Job
    renewed_at: float = dataclasses.field(default_factory=time.monotonic)

    def keep(self) -> None:
        if time.monotonic() - self.renewed_at >= settings.OUTBOX_LEASE_SECONDS / 3:
            renew(self.job)
            self.renewed_at = time.monotonic()


def _require_intact(asset: Asset, lease: _Lease) -> None:
    """Raise ``Hopeless`` unless the stored bytes are those whose size and SHA-256 were published."""
    digest, size = hashlib.sha256(), 0
    try:
        with storages["assets"].open(asset.storage_name, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                size += len(block)
                lease.keep()
    except FileNotFoundError as error:
        raise Hopeless(_("%(path)s is missing from the store.") % {"path": asset.path}) from error
    if size != asset.bytes or digest.hexdigest() != asset.sha256:
        raise Hopeless(_("%(path)s in the store is not what was published.") % {"path": asset.path})


def _complete(job: Job, order: Order, delivery: Delivery, manifest: list[dict[str, Any]]) -> None:
    """Effect and end of the job in one transaction: LeaseLost or a cancelled order roll everything back."""
    with transaction.atomic():
        finish(job)
        orders.mark_delivered(order_id=order.id)
        _move(delivery, DeliveryState.HANDED_OVER, manifest=manifest)
        entitlement = Entitlement(
            order=order,
            buyer_org_id=order.buyer_org_id,
            vendor_org_id=order.vendor_org_id,
            product_id=order.product_id,
            revision_id=order.revision_id,
            valid_until=clock.business_midnight(order.term_ends_on) if order.term_ends_on else None,
        )
        summary = {
            "order": order.number,
            "revision": str(order.revision_id),
            "files": len(manifest),
            "bytes": sum(line["bytes"] for line in manifest),
            "manifest_sha256": manifest_sha256(manifest),
        }
        insert_together(
            entitlement,
            _evidence("delivery.handed_over", delivery, summary),
            event(
                "entitlement.granted",
                actor=SYSTEM,
                subject=("entitlement", entitlement.id),
                on_behalf_of=order.buyer_org_id,
                buyer_org_id=order.buyer_org_id,
                vendor_org_id=order.vendor_org_id,
                payload=summary,
            ),
        )


def manifest_sha256(manifest: list[dict[str, Any]]) -> str:
    """One hash over what was checked, comparable with ``revision.manifest_sha256`` in the order's terms.

    SHA-256 of the lines ``<sha256>  <path>`` in byte order of the path.
    """
    lines = sorted((line["path"].encode(), line["sha256"].encode()) for line in manifest)
    return hashlib.sha256(b"".join(sha256 + b"  " + path + b"\n" for path, sha256 in lines)).hexdigest()


def _abandon(job: Job, reason: str) -> None:
    """Finish a job whose order does not wait for it: nothing is handed over."""
    with transaction.atomic():
        finish(job)
        delivery = _delivery_of(job, order_visible_to(SYSTEM, job.subject_id))
        if delivery.state == DeliveryState.RUNNING:
            _end(delivery, DeliveryState.ABANDONED, reason)


def _end(delivery: Delivery, state: str, reason: str) -> None:
    if delivery._state.adding:
        delivery.save(force_insert=True)
    _move(delivery, state, failure_reason=reason)
    insert_together(_evidence(f"delivery.{state}", delivery, {"reason": reason}))


def _move(delivery: Delivery, state: str, **changes: Any) -> None:
    row = Delivery.objects.filter(id=delivery.id)
    move_state(row, DELIVERY_MOVES, state, finished_at=clock.now(), **changes)


def _evidence(name: str, delivery: Delivery, payload: dict[str, Any]) -> AuditEvent:
    return event(
        name,
        actor=SYSTEM,
        subject=("delivery", delivery.id),
        on_behalf_of=delivery.buyer_org_id,
        buyer_org_id=delivery.buyer_org_id,
        vendor_org_id=delivery.vendor_org_id,
        payload={"order_id": str(delivery.order_id), "try": delivery.number, **payload},
    )
