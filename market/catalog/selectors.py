"""Reads of what is for sale, each scoped to who asks."""

import dataclasses
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db.models import (
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.models import Organization
from accounts.selectors import sees_everything
from accounts.states import Capacity, OrganizationState, Role
from market.catalog.errors import ApprovalNeeded, OfferNotOrderable
from market.catalog.models import Asset, Offer, Product, PurposeApproval, Revision
from market.catalog.states import (
    NEVER_LISTED,
    OPEN_APPROVALS,
    ApprovalState,
    Grade,
    OfferState,
    ProductState,
    RevisionState,
)
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.documents import document, loaded, statement
from market.kernel.errors import NotFound

SHOWN_REVISIONS = 10
"""Newest revisions that a product's page shows."""

ORDERABLE = statement(Path(__file__).with_name("orderable.sql"))
OFFER_VERSION = statement(Path(__file__).with_name("offer_version.sql"))


def offer_of(found: Mapping[str, Any]) -> Offer:
    """One offer from the document that ``orderable.sql`` gives, as ``orderable_offer`` describes it."""
    product = loaded(Product, found["product"], vendor_org=loaded(Organization, found["vendor"]))
    offer = loaded(Offer, found["offer"], product=product)
    latest = found["revision"]
    offer.revision = loaded(Revision, latest, product=product) if latest["id"] else None
    offer.revision_id, offer.revision_number = (offer.revision.id, latest["number"]) if latest["id"] else (None, None)
    offer.revision_manifest_sha256 = found["manifest_sha256"]
    offer.approval_id = uuid.UUID(found["approval_id"]) if found["approval_id"] else None
    offer.version = found["version"]
    return offer


def orderable_offer(
    offer_id: uuid.UUID,
    buyer_org_id: uuid.UUID,
    quote_id: uuid.UUID | None = None,
    purpose: str = "",
    *,
    is_renewal: bool = False,
) -> Offer:
    """The offer with product and vendor, and the product's latest published revision, all in one query.

    The revision comes as ``revision``, ``revision_id``, ``revision_number`` and ``revision_manifest_sha256``; the
    approval of this very ``purpose``, where the product needs one, as ``approval_id``. One that is withdrawn or expires
    after this read does not hinder the order.
    ``quote_id`` is the quote that is being accepted: an offer that answers one is ordered through it alone.
    ``is_renewal``: withdrawal and end of validity stop new orders; who has ordered goes on at the agreed price.

    Raises ``NotFound`` for what this buyer may not know of (a product never listed, an offer private to another),
    ``OfferNotOrderable``, ``ApprovalNeeded``, or ``OrganizationNotTrading`` when the vendor may not sell now.
    """
    wanted = [{"offer": offer_id, "purpose": purpose.strip()}]
    found = document(f"SELECT ({ORDERABLE})::text", {"wanted": wanted, "buyer": buyer_org_id, "moment": clock.now()})
    if not found:
        raise NotFound
    offer = offer_of(found[0])
    require_orderable(offer, buyer_org_id, quote_id, is_renewal=is_renewal)
    return offer


def require_orderable(
    offer: Offer, buyer_org_id: uuid.UUID, quote_id: uuid.UUID | None, *, is_renewal: bool = False
) -> None:
    """Raise what ``orderable_offer`` raises for an offer that was found."""
    if not is_renewal:
        _require_orderable(offer, quote_id)
    _require_tradable(offer)
    if offer.product.needs_purpose_approval and offer.approval_id is None:
        raise approval_needed(offer.product, buyer_org_id)


def approval_needed(product: Product, buyer_org_id: uuid.UUID) -> ApprovalNeeded:
    """The refusal, with what the buyer should do about it: ask, wait, or declare the purpose as it was approved."""
    own = PurposeApproval.objects.filter(product=product, buyer_org_id=buyer_org_id, expires_at__gt=clock.now())
    approvals = list(own.filter(state__in=OPEN_APPROVALS).values("id", "state", "purpose"))
    if any(approval["state"] == ApprovalState.APPROVED for approval in approvals):
        advice = _("Declare the purpose word for word as it was approved, or ask for another purpose.")
    elif approvals:
        advice = _("Your purpose waits for a decision. Order when it is approved.")
    else:
        advice = _("Ask for it first: POST /api/v1/purpose-approvals with this product and your purpose.")
    shown = [approval | {"id": str(approval["id"])} for approval in approvals]
    return ApprovalNeeded(advice, product=str(product.id), approvals=shown)


def _require_orderable(offer: Offer, quote_id: uuid.UUID | None) -> None:
    _require_standing(offer)
    if offer.quote_id not in (None, quote_id):
        raise OfferNotOrderable(_("The offer answers your quote: accept it there."), quote=str(offer.quote_id))


def _require_tradable(offer: Offer) -> None:
    """The product is listed and can be delivered, and its vendor may sell it."""
    product = offer.product
    if product.state != ProductState.LISTED:
        raise OfferNotOrderable(_("The product is no longer listed, or suspended for now."))
    if offer.revision_id is None:
        raise OfferNotOrderable(_("The product has no published revision to deliver. Ask the vendor."))
    if product.grade == Grade.CORE or (product.grade == Grade.IMPORTANT and offer.buyer_org_id is None):
        raise ApprovalNeeded(_("Important data is sold by private offer only. Ask the vendor for one."))
    if product.vendor_org.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("The vendor may not sell at present."))


def _require_standing(offer: Offer) -> None:
    if offer.state != OfferState.ACTIVE:
        raise OfferNotOrderable(_("The offer was withdrawn. Look up the product's current offers."))
    if offer.valid_until is not None and offer.valid_until <= clock.now():
        raise OfferNotOrderable(_("The offer has run out. Ask the vendor for a new one."))
    if offer.product.state != ProductState.LISTED:
        raise OfferNotOrderable(_("The product is no longer listed, or suspended for now."))


def offer_to_preview(actor: Actor, offer_id: uuid.UUID) -> Offer:
    """An offer with product and vendor, for whoever may see it, to calculate with; one query.

    Private offers are for their buyer, their vendor and supervisors. Raises ``NotFound``, ``OfferNotOrderable``.
    """
    offers = offers_visible_to(actor).select_related("product__vendor_org").filter(id=offer_id)
    if not sees_everything(actor):
        offers = offers.exclude(~Q(vendor_org_id=actor.organization_id), product__state__in=NEVER_LISTED)
    offer = offers.first()
    if offer is None:
        raise NotFound
    _require_standing(offer)
    return offer


@dataclasses.dataclass(frozen=True, slots=True)
class ProductFilters:
    """What a caller looks for; None leaves a filter out. ``max_amount`` is in fen, ``q`` is words of a text search."""

    kind: str | None = None
    sector: str | None = None
    grade: str | None = None
    vendor: uuid.UUID | None = None
    price_model: str | None = None
    max_amount: int | None = None
    q: str | None = None


def products_visible_to(actor: Actor, filters: ProductFilters | None = None) -> QuerySet[Product]:
    """Products the actor may see: listed ones of verified vendors, its own in any state, or all for supervisors.

    Price filters look only at active offers that the actor may see. Every word of ``q`` must occur in the title,
    the description, the code or the vendor's name.
    """
    products = Product.objects.select_related("vendor_org")
    if not sees_everything(actor):
        listed = Q(state=ProductState.LISTED, vendor_org__state=OrganizationState.VERIFIED)
        products = products.filter(listed | Q(vendor_org_id=actor.organization_id))
    return _narrowed(products, actor, filters) if filters is not None else products


def _narrowed(products: QuerySet[Product], actor: Actor, filters: ProductFilters) -> QuerySet[Product]:
    exact = {"kind": filters.kind, "sector": filters.sector, "grade": filters.grade, "vendor_org_id": filters.vendor}
    products = products.filter(**{name: value for name, value in exact.items() if value is not None})
    if filters.price_model is not None or filters.max_amount is not None:
        priced = current_offers(actor).filter(product=OuterRef("pk"))
        if filters.price_model is not None:
            priced = priced.filter(price_model=filters.price_model)
        if filters.max_amount is not None:
            priced = priced.filter(amount__lte=filters.max_amount)
        products = products.filter(Exists(priced))
    for word in (filters.q or "").split():
        products = products.filter(
            Q(title__icontains=word)
            | Q(description__icontains=word)
            | Q(code__icontains=word)
            | Q(vendor_org__name__icontains=word)
        )
    return products


def offers_visible_to(actor: Actor) -> QuerySet[Offer]:
    """Offers the actor may see: public ones, those made to it, those it made itself; all for supervisors."""
    if sees_everything(actor):
        return Offer.objects.all()
    own = actor.organization_id
    return Offer.objects.filter(Q(buyer_org=None) | Q(buyer_org=own) | Q(vendor_org_id=own))


def current_offers(actor: Actor) -> QuerySet[Offer]:
    """Offers the actor may see that stand now; those that answer a quote are shown by their quote."""
    return standing_offers() & offers_visible_to(actor)


def standing_offers() -> QuerySet[Offer]:
    """Active offers that have not run out, without those that answer a quote."""
    in_time = Q(valid_until=None) | Q(valid_until__gt=clock.now())
    return Offer.objects.filter(in_time, state=OfferState.ACTIVE, quote_id=None)


def with_offers(products: QuerySet[Product], actor: Actor) -> QuerySet[Product]:
    """The products with ``active_offers`` that the actor may see and the number of their ``latest_revision``."""
    active = current_offers(actor).order_by("amount", "id")
    latest = Revision.objects.filter(product=OuterRef("pk"), state=RevisionState.PUBLISHED).order_by("-number")
    return products.annotate(latest_revision=Subquery(latest.values("number")[:1])).prefetch_related(
        Prefetch("offers", active, to_attr="active_offers")
    )


def product_detail(actor: Actor, product_id: uuid.UUID) -> Product:
    """One product with ``shown_revisions`` (newest first, with their assets) and ``active_offers``: four queries.

    Drafts are the vendor's and the operator's only. Raises ``NotFound``.
    """
    product = with_offers(products_visible_to(actor), actor).filter(id=product_id).first()
    if product is None:
        raise NotFound
    revisions = product.revisions.order_by("-number").prefetch_related("assets")
    if not sees_everything(actor) and product.vendor_org_id != actor.organization_id:
        revisions = revisions.exclude(state=RevisionState.DRAFT)
    product.shown_revisions = list(revisions[:SHOWN_REVISIONS])
    return product


def missing_for_review(product: Product) -> dict[str, str | Promise]:
    """What the product still lacks before it can be submitted, by JSON pointer; one query."""
    active = standing_offers().filter(product=OuterRef("pk"))
    published = Asset.objects.filter(revision__product=OuterRef("pk"), revision__state=RevisionState.PUBLISHED)
    found = (
        Product.objects.filter(id=product.id)
        .values_list(Exists(published), Exists(active), Exists(active.filter(buyer_org=None)))
        .get()
    )
    has_files, has_offer, has_public_offer = found
    missing: dict[str, str | Promise] = {}
    if not has_files:
        missing["/revisions"] = _("Publish a revision with at least one file.")
    if not has_offer:
        missing["/offers"] = _("Make an offer.")
    if product.grade == Grade.IMPORTANT and has_public_offer:
        missing["/grade"] = _("Important data is sold by private offer: withdraw the public offers.")
    return missing


@dataclasses.dataclass(frozen=True, slots=True)
class VendorFilters:
    """What a caller looks for among vendors; ``q`` is words of the name or introduction."""

    sector: str | None = None
    region: str | None = None
    q: str | None = None


def vendors_visible_to(actor: Actor, filters: VendorFilters | None = None) -> QuerySet[Organization]:
    """Verified vendors, the own one in any state, all for supervisors; with profile and ``listed_products``."""
    listed = (
        Product.objects.filter(vendor_org=OuterRef("pk"), state=ProductState.LISTED)
        .order_by()
        .values("vendor_org")
        .values(number=Count("pk"))
    )
    vendors = (
        Organization.objects.filter(capacities__contains=[Capacity.VENDOR])
        .select_related("vendor_profile")
        .annotate(listed_products=Coalesce(Subquery(listed, output_field=IntegerField()), 0))
    )
    if not sees_everything(actor):
        vendors = vendors.filter(Q(state=OrganizationState.VERIFIED) | Q(id=actor.organization_id))
    if filters is None:
        return vendors
    exact = {"vendor_profile__sector": filters.sector, "region": filters.region}
    vendors = vendors.filter(**{name: value for name, value in exact.items() if value is not None})
    for word in (filters.q or "").split():
        vendors = vendors.filter(Q(name__icontains=word) | Q(vendor_profile__introduction__icontains=word))
    return vendors


def vendor_detail(actor: Actor, vendor_id: uuid.UUID) -> Organization:
    """One vendor as ``vendors_visible_to`` gives it. Raises ``NotFound``."""
    found = vendors_visible_to(actor).filter(id=vendor_id).first()
    if found is None:
        raise NotFound
    return found


def buyer_by_code(code: str) -> Organization | None:
    """The buyer of that unified social credit code, for a private offer."""
    return Organization.objects.filter(uscc=code, capacities__contains=[Capacity.BUYER]).first()


def may_list(actor: Actor) -> bool:
    """Whether the actor's role writes to its vendor's catalogue; shows and hides buttons, services decide."""
    return actor.role in (Role.OWNER, Role.LISTER) and Capacity.VENDOR in actor.capacities


BUYING_ROLES = (Role.OWNER, Role.PURCHASER)


def approvals_visible_to(actor: Actor) -> QuerySet[PurposeApproval]:
    """Purposes with what a line about them shows: a buyer's own, those a vendor decides on, all for supervisors."""
    approvals = PurposeApproval.objects.select_related("product__vendor_org", "buyer_org")
    if sees_everything(actor):
        return approvals
    own = actor.organization_id
    return approvals.filter(Q(buyer_org=own) | Q(vendor_org_id=own))


def approval_visible_to(actor: Actor, approval_id: uuid.UUID) -> PurposeApproval:
    """One purpose. Raises ``NotFound`` also for other organisations' purposes."""
    found = approvals_visible_to(actor).filter(id=approval_id).first()
    if found is None:
        raise NotFound
    return found


def open_approval(actor: Actor, product_id: uuid.UUID, purpose: str) -> PurposeApproval | None:
    """The one approval of that product and purpose that the actor's organisation has open."""
    own = PurposeApproval.objects.filter(buyer_org_id=actor.organization_id, state__in=OPEN_APPROVALS)
    return own.filter(product_id=product_id, purpose=purpose.strip()).first()


def may_withdraw(actor: Actor, approval: PurposeApproval) -> bool:
    """Whether the actor may take its organisation's purpose back now."""
    is_buyer = approval.buyer_org_id == actor.organization_id and actor.role in BUYING_ROLES
    return is_buyer and approval.state in OPEN_APPROVALS
