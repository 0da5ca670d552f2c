"""Reads of what is for sale."""

import uuid

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import Collate, Concat
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.states import OrganizationState
from market.catalog.errors import ApprovalNeeded, OfferNotOrderable
from market.catalog.models import Asset, Offer, Revision
from market.catalog.states import (
    NEVER_LISTED,
    PRICED_AT_ORDER,
    Grade,
    OfferState,
    ProductState,
    RevisionState,
)
from market.kernel.errors import NotFound


class Sha256(Func):
    """SHA-256 of a text's UTF-8 bytes in lower-case hexadecimal."""

    template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
    output_field = CharField()


def manifest_sha256(revision_id: OuterRef) -> Subquery:
    """One hash over all files of a revision, which anybody can compute again.

    SHA-256 of the lines ``<sha256>  <path>`` in byte order of the path: what ``sha256sum`` prints for the files.
    """
    line = Concat(F("sha256"), Value("  "), F("path"), Value("\n"))
    lines = StringAgg(line, delimiter="", order_by=Collate("path", "C"))
    files = Asset.objects.filter(revision_id=revision_id).order_by().values("revision_id")
    return Subquery(files.annotate(manifest=Sha256(lines)).values("manifest"))


def orderable_offer(offer_id: uuid.UUID, buyer_org_id: uuid.UUID) -> Offer:
    """The offer with product and vendor, and the product's latest published revision, all in one query.

    The revision comes as attributes ``revision_id``, ``revision_number`` and ``revision_manifest_sha256``.

    Raises ``NotFound`` for what this buyer may not know of (a product never listed, an offer private to another),
    ``OfferNotOrderable``, ``ApprovalNeeded``, or ``OrganizationNotTrading`` when the vendor may not sell now.
    """
    latest = Revision.objects.filter(product=OuterRef("product"), state=RevisionState.PUBLISHED).order_by("-number")
    offer = (
        Offer.objects.filter(Q(buyer_org=None) | Q(buyer_org=buyer_org_id), id=offer_id)
        .exclude(product__state__in=NEVER_LISTED)
        .select_related("product__vendor_org")
        .annotate(
            revision_id=Subquery(latest.values("id")[:1]),
            revision_number=Subquery(latest.values("number")[:1]),
            revision_manifest_sha256=manifest_sha256(OuterRef("revision_id")),
        )
        .first()
    )
    if offer is None:
        raise NotFound
    _require_orderable(offer)
    return offer


def _require_orderable(offer: Offer) -> None:
    product = offer.product
    if offer.state != OfferState.ACTIVE:
        raise OfferNotOrderable(_("The offer was withdrawn. Look up the product's current offers."))
    if product.state != ProductState.LISTED:
        raise OfferNotOrderable(_("The product is no longer listed, or suspended for now."))
    if offer.revision_id is None:
        raise OfferNotOrderable(_("The product has no published revision to deliver. Ask the vendor."))
    if offer.price_model not in PRICED_AT_ORDER:
        raise OfferNotOrderable(_("Subscriptions and metered offers cannot be ordered yet."))
    if product.grade == Grade.CORE or (product.grade == Grade.IMPORTANT and offer.buyer_org_id is None):
        raise ApprovalNeeded(_("Important data is sold by private offer only. Ask the vendor for one."))
    if product.vendor_org.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("The vendor may not sell at present."))
