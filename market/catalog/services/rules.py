"""What single acts and the bulk import both check, and how both describe a row in the evidence."""

import contextlib
import datetime
import hashlib
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.models import Organization
from accounts.states import OrganizationState
from market.catalog.errors import CoreDataRefused, ProductNotOpen
from market.catalog.models import Asset, Offer, Product, Revision
from market.catalog.pricing import as_document
from market.catalog.services.prices import check_price
from market.catalog.states import FROZEN, Grade, PriceModel
from market.catalog.table_schema import validate_table_schema
from market.catalog.validators import clean_row, clean_text, validate_profile, validate_sample
from market.kernel import clock
from market.kernel.errors import InvalidInput

PRODUCT_FIELDS = (
    "code",
    "title",
    "description",
    "kind",
    "sector",
    "grade",
    "has_personal_information",
    "requires_purpose_approval",
    "rights_basis",
)
"""What a vendor says about a product, and may edit until it is submitted."""

MAX_REASON = 5000
MAX_VALIDITY = datetime.timedelta(days=366)


class Findings:
    """Collects what is wrong, so that people are told everything at once."""

    def __init__(self) -> None:
        self.errors: dict[str, str | Promise] = {}

    @contextlib.contextmanager
    def at(self, pointer: str) -> Iterator[None]:
        """Note under ``pointer`` what the block raises as ``ValidationError``."""
        try:
            yield
        except ValidationError as error:
            self.errors[pointer] = " ".join(error.messages)

    def raise_if_any(self) -> None:
        """Raise ``InvalidInput`` naming every value that is wrong."""
        if self.errors:
            raise InvalidInput(errors=self.errors)


def check_product(product: Product, findings: Findings, prefix: str = "") -> None:
    """Strip and validate an unsaved product. Raises ``CoreDataRefused`` at once for core data."""
    if product.grade == Grade.CORE:
        raise CoreDataRefused(_("Withdraw the data: core data may not be traded (GB/T 43697-2024)."))
    for name, mistake in clean_row(product, PRODUCT_FIELDS).items():
        findings.errors[f"{prefix}/{name}"] = mistake


def check_revision(revision: Revision, findings: Findings, prefix: str = "") -> None:
    """Strip and validate what a vendor says about an unpublished revision."""
    for name, mistake in clean_row(revision, ["notes"]).items():
        findings.errors[f"{prefix}/{name}"] = mistake
    with findings.at(f"{prefix}/data_dictionary"):
        validate_table_schema(revision.data_dictionary)
    with findings.at(f"{prefix}/sample"):
        validate_sample(revision.sample)
    with findings.at(f"{prefix}/profile"):
        validate_profile(revision.profile)


def check_offer(offer: Offer, grade: str, findings: Findings, prefix: str = "") -> None:
    """Strip and validate an unsaved offer of a product of that grade."""
    for name, mistake in clean_row(offer, ["price_model", "licence", "acceptance_days"]).items():
        findings.errors[f"{prefix}/{name}"] = mistake
    if f"{prefix}/acceptance_days" not in findings.errors and not 1 <= offer.acceptance_days <= 90:
        findings.errors[f"{prefix}/acceptance_days"] = _("From 1 to 90 days.")
    if offer.price_model in PriceModel.values:
        findings.errors |= {f"{prefix}{pointer}": mistake for pointer, mistake in check_price(offer).items()}
    if offer.valid_until is not None and not clock.now() < offer.valid_until <= clock.now() + MAX_VALIDITY:
        findings.errors[f"{prefix}/valid_until"] = _("A moment to come, within a year.")
    if grade == Grade.IMPORTANT and offer.buyer_org_id is None:
        findings.errors[f"{prefix}/buyer_org"] = _("Important data is offered to one named buyer at a time.")


def clean_reason(reason: str, *, name: str = "reason") -> str:
    """A reason that explains something. Raises ``InvalidInput`` when it is empty or too long."""
    findings = Findings()
    with findings.at(f"/{name}"):
        reason = clean_text(reason, most=MAX_REASON)
        if not reason:
            raise ValidationError(_("Say why: the other side will read it."))
    findings.raise_if_any()
    return reason


def require_open(product: Product) -> None:
    """Raise ``ProductNotOpen`` while the product is in review, and once it is delisted."""
    if product.state in FROZEN:
        raise ProductNotOpen(
            _("It is %(state)s: wait for the decision, or work on another product.") % {"state": product.state},
            state=product.state,
        )


def require_verified(vendor: Organization) -> None:
    """Raise ``OrganizationNotTrading`` unless the exchange has verified the vendor."""
    if vendor.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("The exchange must verify %(vendor)s first.") % {"vendor": vendor.name})


def evidence_of_product(product: Product) -> dict[str, Any]:
    """What the evidence keeps of a product; the description by its SHA-256, for it may be long."""
    kept = {name: getattr(product, name) for name in PRODUCT_FIELDS if name != "description"}
    return kept | {"description_sha256": hashlib.sha256(product.description.encode()).hexdigest()}


def evidence_of_asset(asset: Asset) -> dict[str, Any]:
    """What the evidence keeps of one file."""
    return {"path": asset.path, "media_type": asset.media_type, "bytes": asset.bytes, "sha256": asset.sha256}


def evidence_of_offer(offer: Offer) -> dict[str, Any]:
    """What the evidence keeps of an offer; the licence by its SHA-256."""
    return {
        "product_id": str(offer.product_id),
        "price_model": offer.price_model,
        "amount": offer.amount,
        "price": as_document(offer.price_rule()),
        "includes_later_revisions": offer.includes_later_revisions,
        "currency": offer.currency,
        "acceptance_days": offer.acceptance_days,
        "licence_sha256": hashlib.sha256(offer.licence.encode()).hexdigest(),
        "buyer_org_id": str(offer.buyer_org_id) if offer.buyer_org_id else None,
        "valid_until": offer.valid_until.isoformat() if offer.valid_until else None,
        "quote_id": str(offer.quote_id) if offer.quote_id else None,
    }


def evidence_of_revision(revision: Revision, assets: list[Asset]) -> dict[str, Any]:
    """What the evidence keeps of a publication: every file, or beyond 50 files, one hash over all of them."""
    kept: dict[str, Any] = {
        "product_id": str(revision.product_id),
        "number": revision.number,
        "files": len(assets),
        "bytes": sum(asset.bytes for asset in assets),
        "manifest_sha256": manifest_sha256(assets),
    }
    if len(assets) <= 50:
        kept["assets"] = [evidence_of_asset(asset) for asset in assets]
    return kept


def manifest_sha256(assets: list[Asset]) -> str:
    """SHA-256 of the lines ``<sha256>  <path>`` in byte order of the path, as the selector of that name computes it."""
    lines = [f"{asset.sha256}  {asset.path}\n" for asset in sorted(assets, key=lambda asset: asset.path.encode())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
