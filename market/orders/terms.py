"""The contract: what both sides agree to at placement, as one canonical document. Pure, no I/O."""

import hashlib
from typing import Any

import rfc8785

from accounts.models import Organization
from market.orders.models import Order, OrderTerms

SCHEMA = "qianshu.order-terms/1"


def freeze(order: Order, manifest_sha256: str) -> OrderTerms:
    """The unsaved terms of an unsaved order, whose related rows are loaded; sets ``order.terms_sha256``.

    The document is canonical JSON (RFC 8785), so that the same terms are the same bytes; amounts are fen.
    ``manifest_sha256`` binds every file of the revision (``catalog.selectors.manifest_sha256``).
    """
    canonical = rfc8785.dumps(_document(order, manifest_sha256))
    order.terms_sha256 = hashlib.sha256(canonical).hexdigest()
    return OrderTerms(order=order, document=canonical.decode(), sha256=order.terms_sha256, created_at=order.placed_at)


def _document(order: Order, manifest_sha256: str) -> dict[str, Any]:
    product, offer, revision = order.product, order.offer, order.revision
    return {
        "schema": SCHEMA,
        "order": {
            "id": str(order.id),
            "number": order.number,
            "client_reference": order.client_reference,
            "placed_at": order.placed_at.isoformat().replace("+00:00", "Z"),
            "purpose": order.purpose,
            "quantity": order.quantity,
            "amount": order.amount,
            "currency": order.currency,
        },
        "buyer": _party(order.buyer_org),
        "vendor": _party(order.vendor_org),
        "product": {
            "id": str(product.id),
            "code": product.code,
            "title": product.title,
            "kind": product.kind,
            "grade": product.grade,
            "has_personal_information": product.has_personal_information,
            "rights_basis": product.rights_basis,
            "certificate_number": product.certificate_number,
        },
        "revision": {"id": str(revision.id), "number": revision.number, "manifest_sha256": manifest_sha256},
        "offer": {
            "id": str(offer.id),
            "price_model": offer.price_model,
            "amount": offer.amount,
            "currency": offer.currency,
            "licence": offer.licence,
            "acceptance_days": offer.acceptance_days,
        },
    }


def _party(organization: Organization) -> dict[str, str]:
    return {"id": str(organization.id), "name": organization.name, "uscc": organization.uscc}
