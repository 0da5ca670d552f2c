"""Reads of what was delivered, scoped by who asks."""

import uuid

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.selectors import sees_everything
from market.catalog.models import Asset, Revision
from market.catalog.states import RevisionState
from market.delivery.models import Entitlement, Receipt
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound

SHOWN_REVISIONS = 100


def entitlements_visible_to(actor: Actor) -> QuerySet[Entitlement]:
    """Entitlements with all that a line about them shows: a buyer's own, a vendor's sales, everything for auditors."""
    entitlements = Entitlement.objects.select_related(
        "order", "buyer_org", "product__vendor_org", "revision", "order__offer"
    )
    if sees_everything(actor):
        return entitlements
    return entitlements.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org_id=actor.organization_id))


def entitlement_visible_to(actor: Actor, entitlement_id: uuid.UUID) -> Entitlement:
    """One entitlement. Raises ``NotFound`` also for other organisations' entitlements."""
    entitlement = entitlements_visible_to(actor).filter(id=entitlement_id).first()
    if entitlement is None:
        raise NotFound
    return entitlement


def covered_revisions(entitlement: Entitlement) -> QuerySet[Revision]:
    """The revisions the buyer may receive now, newest first: the one ordered, and where the offer includes them those
    that were published since and within the term. A later one that was revoked is not among them.

    ``entitlement.order.offer`` should be loaded.
    """
    ordered = Q(id=entitlement.revision_id)
    if not entitlement.order.offer.includes_later_revisions:
        return Revision.objects.filter(ordered)
    later = Q(
        product=entitlement.product_id,
        number__gt=entitlement.revision.number,
        state=RevisionState.PUBLISHED,
    )
    if entitlement.ends_at is not None:
        later &= Q(published_at__lt=entitlement.ends_at)
    return Revision.objects.filter(ordered | later).order_by("-number")


def covered_revision(entitlement: Entitlement, number: int | None = None) -> Revision:
    """The newest revision the buyer may receive, or the one of that number. Raises ``NotFound``."""
    revisions = covered_revisions(entitlement)
    found = (revisions if number is None else revisions.filter(number=number)).first()
    if found is None:
        raise NotFound
    return found


def entitlement_detail(actor: Actor, entitlement_id: uuid.UUID, revision: int | None = None) -> Entitlement:
    """One entitlement with ``covered`` (the latest ``SHOWN_REVISIONS``) and the ``shown`` one of them: the newest, or
    the one of that number. Two queries. Raises ``NotFound``.
    """
    entitlement = entitlement_visible_to(actor, entitlement_id)
    entitlement.covered = list(covered_revisions(entitlement)[:SHOWN_REVISIONS])
    by_number = {covered.number: covered for covered in entitlement.covered}
    wanted = entitlement.covered[0].number if revision is None else revision
    entitlement.shown = by_number.get(wanted) or covered_revision(entitlement, wanted)
    return entitlement


def assets_with_bytes_sent(entitlement: Entitlement, revision: Revision) -> QuerySet[Asset]:
    """The files of one covered revision by path, each with ``bytes_sent`` under it so far (repeats count)."""
    sent = (
        Receipt.objects.filter(entitlement=entitlement, asset=OuterRef("pk"))
        .order_by()
        .values("asset")
        .annotate(total=Sum("bytes_sent"))
        .values("total")
    )
    return Asset.objects.filter(revision=revision).annotate(bytes_sent=Coalesce(Subquery(sent), 0))


def receipts_of(actor: Actor, entitlement_id: uuid.UUID) -> QuerySet[Receipt]:
    """The receipts of a visible entitlement, newest first, with the file's path. Raises ``NotFound``."""
    entitlement = entitlement_visible_to(actor, entitlement_id)
    return Receipt.objects.filter(entitlement=entitlement).annotate(path=F("asset__path"))


def entitled_asset(entitlement_id: uuid.UUID, asset_id: uuid.UUID) -> tuple[Entitlement, Asset]:
    """What a link speaks of: the entitlement, and the file if it is of a revision that is covered now. ``NotFound``."""
    entitlement = entitlements_visible_to(SYSTEM).filter(id=entitlement_id).first()
    if entitlement is None:
        raise NotFound
    covered = covered_revisions(entitlement).order_by().values("id")
    asset = Asset.objects.filter(id=asset_id, revision__in=covered).first()
    if asset is None:
        raise NotFound
    return entitlement, asset
