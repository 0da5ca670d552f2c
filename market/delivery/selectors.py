"""Reads of what was delivered, scoped by who asks."""

import uuid

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.states import Capacity
from market.catalog.models import Asset
from market.delivery.models import Entitlement, Receipt
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound

_SEE_ALL = frozenset({Capacity.OPERATOR, Capacity.REGULATOR})


def entitlements_visible_to(actor: Actor) -> QuerySet[Entitlement]:
    """Entitlements with all that a line about them shows: a buyer's own, a vendor's sales, everything for auditors."""
    entitlements = Entitlement.objects.select_related("order", "buyer_org", "product__vendor_org", "revision")
    if actor is SYSTEM or actor.capacities & _SEE_ALL:
        return entitlements
    return entitlements.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org_id=actor.organization_id))


def entitlement_visible_to(actor: Actor, entitlement_id: uuid.UUID) -> Entitlement:
    """One entitlement. Raises ``NotFound`` also for other organisations' entitlements."""
    entitlement = entitlements_visible_to(actor).filter(id=entitlement_id).first()
    if entitlement is None:
        raise NotFound
    return entitlement


def assets_with_bytes_sent(entitlement: Entitlement) -> QuerySet[Asset]:
    """The files of the entitlement's revision by path, each with ``bytes_sent`` under it so far (repeats count)."""
    sent = (
        Receipt.objects.filter(entitlement=entitlement, asset=OuterRef("pk"))
        .order_by()
        .values("asset")
        .annotate(total=Sum("bytes_sent"))
        .values("total")
    )
    return Asset.objects.filter(revision=entitlement.revision_id).annotate(bytes_sent=Coalesce(Subquery(sent), 0))


def receipts_of(actor: Actor, entitlement_id: uuid.UUID) -> QuerySet[Receipt]:
    """The receipts of a visible entitlement, newest first, with the file's path. Raises ``NotFound``."""
    entitlement = entitlement_visible_to(actor, entitlement_id)
    return Receipt.objects.filter(entitlement=entitlement).annotate(path=F("asset__path"))


def entitled_asset(entitlement_id: uuid.UUID, asset_id: uuid.UUID) -> tuple[Entitlement, Asset]:
    """What a link speaks of: the entitlement, and the file if it is of that entitlement's revision. ``NotFound``."""
    entitlement = Entitlement.objects.filter(id=entitlement_id).first()
    asset = Asset.objects.filter(id=asset_id, revision__entitlements=entitlement_id).first()
    if entitlement is None or asset is None:
        raise NotFound
    return entitlement, asset
