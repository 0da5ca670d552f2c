"""Bulk import: thousands of products by the same rules as single acts, a handful of statements a batch."""

import dataclasses
import io
import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Organization
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.catalog.errors import ReviewerNotIndependent
from market.catalog.files import discard, receive, storage_name
from market.catalog.models import Asset, Offer, Product, Review, Revision
from market.catalog.services.assets import MAX_ASSETS
from market.catalog.services.offers import offer_event
from market.catalog.services.prices import PriceTerms
from market.catalog.services.products import code_once, product_event
from market.catalog.services.reviews import certify
from market.catalog.services.revisions import describe, revision_event
from market.catalog.services.rules import (
    MAX_REASON,
    Findings,
    check_offer,
    check_product,
    check_revision,
    evidence_of_offer,
    evidence_of_product,
    evidence_of_revision,
)
from market.catalog.states import REVIEW_CHECKLIST, Grade, ProductState, ReviewDecision, RevisionState
from market.catalog.validators import clean_asset_path, clean_media_type, clean_text
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import copy_together
from market.kernel.identifiers import uuid7

BATCH = 250
"""Products a round: what is held in memory, and what one error message can name."""


@dataclasses.dataclass(frozen=True, slots=True)
class ImportedFile:
    """One file: ``content`` is bytes, a path on disk, or an open binary stream that is read once."""

    path: str
    content: bytes | Path | BinaryIO
    media_type: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ImportedOffer:
    """One offer of ``amount`` fen; ``buyer`` (USCC or key) makes it private. ``price``: what ``create_offer`` takes."""

    price_model: str
    amount: int | None
    licence: str
    acceptance_days: int = 7
    buyer: str | uuid.UUID | None = None
    price: PriceTerms = dataclasses.field(default_factory=PriceTerms)


@dataclasses.dataclass(frozen=True, slots=True)
class ImportedProduct:
    """One product with its first revision and its offers. ``vendor`` is a USCC or an organisation's key.

    ``state`` is ``listed`` (the importing operator vouches for a review held elsewhere) or ``draft``.
    """

    vendor: str | uuid.UUID
    code: str
    title: str
    description: str
    kind: str
    sector: str
    rights_basis: str
    files: Sequence[ImportedFile] = ()
    offers: Sequence[ImportedOffer] = ()
    grade: str = Grade.GENERAL
    has_personal_information: bool = False
    requires_purpose_approval: bool = False
    notes: str = ""
    data_dictionary: dict[str, Any] = dataclasses.field(default_factory=dict)
    sample: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    profile: dict[str, Any] = dataclasses.field(default_factory=dict)
    state: str = ProductState.LISTED


@dataclasses.dataclass(slots=True)
class _Rows:
    """The unsaved rows of one imported product; ``prefix`` is its JSON pointer."""

    prefix: str
    source: ImportedProduct
    product: Product
    revision: Revision
    assets: list[Asset]
    offers: list[Offer]

    @property
    def is_listed(self) -> bool:
        return self.product.state == ProductState.LISTED


def import_products(
    *, actor: Actor, products: Iterable[ImportedProduct], reasons: str = "", batch_size: int = BATCH
) -> list[uuid.UUID]:
    """Create products with revision, files, offers and review; returns their keys in order. All or nothing.

    The actor operates the exchange and is the reviewer of what comes in as listed; ``reasons`` says where that
    review was held. The iterable is read ``batch_size`` products at a time, each file in pieces.

    Raises ``InvalidInput`` with a JSON pointer to every wrong value of the first batch that has one
    (``/17/offers/0/amount``), ``CoreDataRefused``, ``ProductCodeTaken``, ``ReviewerNotIndependent``,
    ``UploadTooLarge``, ``UploadIncomplete``, ``Forbidden``. No row and no file stays behind then.
    """
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    findings = Findings()
    with findings.at("/reasons"):
        reasons = clean_text(reasons, most=MAX_REASON)
    findings.raise_if_any()
    stored: list[str] = []
    keys: list[uuid.UUID] = []
    remaining = iter(products)
    try:
        with code_once(), transaction.atomic():
            while batch := list(itertools.islice(remaining, batch_size)):
                rows = _checked(batch, actor, start=len(keys))
                for made in rows:
                    _store(made, stored)
                _insert(rows, actor, reasons)
                keys += [made.product.id for made in rows]
    except BaseException:
        discard(stored)
        raise
    return keys


def _checked(batch: list[ImportedProduct], actor: Actor, start: int) -> list[_Rows]:
    """Unsaved rows of a batch, every rule of the single acts applied; three queries."""
    organizations = _organizations_of(batch)
    findings = Findings()
    rows = []
    for index, source in enumerate(batch, start):
        prefix = f"/{index}"
        vendor = organizations.get(str(source.vendor))
        if vendor is None or Capacity.VENDOR not in vendor.capacities:
            findings.errors[f"{prefix}/vendor"] = _("There is no vendor of this code.")
        elif source.state == ProductState.LISTED and vendor.state != OrganizationState.VERIFIED:
            findings.errors[f"{prefix}/vendor"] = _("The vendor must be verified before its products are listed.")
        else:
            rows.append(_rows_of(source, vendor, organizations, findings, prefix))
    _check_codes(rows, findings)
    findings.raise_if_any()
    vendor_ids = {made.product.vendor_org_id for made in rows}
    if Membership.objects.filter(user_id=actor.user_id, organization_id__in=vendor_ids).exists():
        raise ReviewerNotIndependent(_("Ask a colleague who has never worked for these vendors."))
    return rows


def _organizations_of(batch: list[ImportedProduct]) -> dict[str, Organization]:
    named = {product.vendor for product in batch}
    named |= {offer.buyer for product in batch for offer in product.offers if offer.buyer is not None}
    keys = [name for name in named if isinstance(name, uuid.UUID)]
    codes = [name for name in named if not isinstance(name, uuid.UUID)]
    found = Organization.objects.filter(Q(id__in=keys) | Q(uscc__in=codes))
    return {name: organization for organization in found for name in (str(organization.id), organization.uscc)}


def _rows_of(
    source: ImportedProduct,
    vendor: Organization,
    organizations: dict[str, Organization],
    findings: Findings,
    prefix: str,
) -> _Rows:
    product = Product(
        vendor_org=vendor,
        code=source.code,
        title=source.title,
        description=source.description,
        kind=source.kind,
        sector=source.sector,
        grade=source.grade,
        has_personal_information=source.has_personal_information,
        requires_purpose_approval=source.requires_purpose_approval,
        rights_basis=source.rights_basis,
        state=source.state,
    )
    check_product(product, findings, prefix)
    revision = Revision(
        product=product,
        vendor_org_id=vendor.id,
        number=1,
        notes=source.notes,
        data_dictionary=source.data_dictionary,
        sample=source.sample,
        profile=source.profile,
    )
    check_revision(revision, findings, prefix)
    made = _Rows(prefix, source, product, revision, _assets_of(source, revision, findings, prefix), [])
    for index, wanted in enumerate(source.offers):
        made.offers.append(_offer_of(wanted, product, organizations, findings, f"{prefix}/offers/{index}"))
    if source.state not in (ProductState.LISTED, ProductState.DRAFT):
        findings.errors[f"{prefix}/state"] = _("listed or draft")
    elif source.state == ProductState.LISTED and not (made.assets and made.offers):
        findings.errors[f"{prefix}/state"] = _("A listed product has at least one file and one offer.")
    return made


def _assets_of(source: ImportedProduct, revision: Revision, findings: Findings, prefix: str) -> list[Asset]:
    if len(source.files) > MAX_ASSETS:
        findings.errors[f"{prefix}/files"] = _("A revision has 1 to %(most)d files.") % {"most": MAX_ASSETS}
        return []
    assets: list[Asset] = []
    taken: set[str] = set()
    for index, file in enumerate(source.files):
        path, media_type = file.path, file.media_type
        with findings.at(f"{prefix}/files/{index}/path"):
            path = clean_asset_path(file.path)
        with findings.at(f"{prefix}/files/{index}/media_type"):
            media_type = clean_media_type(file.media_type, path)
        if path.lower() in taken:
            findings.errors[f"{prefix}/files/{index}/path"] = _("The same path twice.")
        taken.add(path.lower())
        assets.append(
            Asset(
                id=uuid7(),
                revision=revision,
                vendor_org_id=revision.vendor_org_id,
                path=path,
                media_type=media_type,
            )
        )
    return assets


def _offer_of(
    wanted: ImportedOffer,
    product: Product,
    organizations: dict[str, Organization],
    findings: Findings,
    prefix: str,
) -> Offer:
    buyer = organizations.get(str(wanted.buyer)) if wanted.buyer is not None else None
    offer = Offer(
        product=product,
        vendor_org_id=product.vendor_org_id,
        price_model=wanted.price_model,
        amount=wanted.amount,
        licence=wanted.licence,
        acceptance_days=wanted.acceptance_days,
        buyer_org=buyer,
        **wanted.price,
    )
    check_offer(offer, product.grade, findings, prefix)
    is_buyer = buyer is not None and Capacity.BUYER in buyer.capacities and buyer.id != product.vendor_org_id
    if wanted.buyer is not None and not is_buyer:
        findings.errors[f"{prefix}/buyer"] = _("A private offer names a buyer other than the vendor.")
    return offer


def _check_codes(rows: list[_Rows], findings: Findings) -> None:
    vendor_ids = {made.product.vendor_org_id for made in rows}
    codes = {made.product.code for made in rows}
    used = set(
        Product.objects.filter(vendor_org_id__in=vendor_ids, code__in=codes).values_list("vendor_org_id", "code")
    )
    for made in rows:
        identity = (made.product.vendor_org_id, made.product.code)
        if identity in used:
            findings.errors[f"{made.prefix}/code"] = _("The vendor has used this code already.")
        used.add(identity)


def _store(made: _Rows, stored: list[str]) -> None:
    """Write the files of one product, then describe them where the source did not."""
    for asset, file in zip(made.assets, made.source.files, strict=True):
        name = storage_name(made.product.id, made.revision.id, asset.id)
        stored.append(name)
        with _opened(file.content) as stream:
            received = receive(name, stream)
        asset.storage_name, asset.bytes, asset.sha256 = received.name, received.bytes, received.sha256
    if made.is_listed and not (made.revision.profile and made.revision.sample):
        for name, value in describe(made.revision, made.assets).items():
            if not getattr(made.revision, name):
                setattr(made.revision, name, value)


def _opened(content: bytes | Path | BinaryIO) -> BinaryIO:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    return content.open("rb") if isinstance(content, Path) else content


def _insert(rows: list[_Rows], actor: Actor, reasons: str) -> None:
    now = clock.now()
    checklist = dict.fromkeys(REVIEW_CHECKLIST, True)
    listed = [made for made in rows if made.is_listed]
    for made in listed:
        certify(made.product)
    reviews = [
        Review(
            product=made.product,
            vendor_org_id=made.product.vendor_org_id,
            submitted_at=now,
            checklist=checklist,
            decision=ReviewDecision.APPROVED,
            reasons=reasons,
            decided_by_id=actor.user_id,
            decided_at=now,
        )
        for made in listed
    ]
    copy_together(made.product for made in rows)
    copy_together(made.revision for made in rows if made.assets or made.is_listed)
    copy_together(asset for made in rows for asset in made.assets)
    copy_together(offer for made in rows for offer in made.offers)
    copy_together(reviews)
    # Assets join drafts only, also here: publication comes after them.
    Revision.objects.filter(id__in=[made.revision.id for made in listed]).update(
        state=RevisionState.PUBLISHED, published_at=now
    )
    copy_together(itertools.chain.from_iterable(_events_of(made, actor, reasons) for made in rows))


def _events_of(made: _Rows, actor: Actor, reasons: str) -> Iterator[AuditEvent]:
    product = made.product
    yield product_event("product.created", actor, product, evidence_of_product(product) | {"is_imported": True})
    if made.is_listed:
        yield revision_event(
            "revision.published", actor, made.revision, evidence_of_revision(made.revision, made.assets)
        )
    for offer in made.offers:
        yield offer_event("offer.created", actor, offer, evidence_of_offer(offer))
    if made.is_listed:
        listing = {"certificate_number": product.certificate_number, "reasons": reasons, "is_imported": True}
        yield product_event("product.listed", actor, product, listing)
