"""The contract: what both sides agree to at placement, as one canonical document. Pure, no I/O."""

import hashlib
from typing import Any

import orjson

from accounts.models import Organization
from market.catalog.models import Offer
from market.catalog.pricing import Bargain, as_document
from market.kernel.database import new_row
from market.orders.models import Order, OrderTerms

SCHEMA = "qianshu.order-terms/1"
_WRITTEN = "_as_in_terms"


def freeze(order: Order, manifest_sha256: str, bargain: Bargain) -> OrderTerms:
    """The unsaved terms of an unsaved order, whose related rows are loaded; sets ``order.terms_sha256``.

    The document is canonical JSON (RFC 8785), so that the same terms are the same bytes; amounts are fen.
    ``manifest_sha256`` binds every file of the revision (``catalog.selectors.manifest_sha256``). A price of several
    parts is written out: the rule, how the total comes about, the term and each payment.
    """
    document = _document(order, manifest_sha256)
    if bargain.rule.months or bargain.rule.tiers:
        document["price"] = _price(bargain)
    if order.approval_id is not None:
        document["order"]["purpose_approval"] = str(order.approval_id)
    if order.renews_id is not None:
        document["order"]["renews"] = str(order.renews_id)
    if order.offer.includes_later_revisions:
        document["revision"]["later_revisions_until"] = order.term_ends_on.isoformat()
    canonical = _canonical(document)
    order.terms_sha256 = hashlib.sha256(canonical).hexdigest()
    return new_row(
        OrderTerms,
        order=order,
        document=canonical.decode(),
        sha256=order.terms_sha256,
        created_at=order.placed_at,
    )


def _canonical(document: dict[str, Any]) -> bytes:
    """RFC 8785 for a document of texts, whole numbers below 2^53, truths, lists and objects named in ASCII: sorted by
    name and without blanks that is what orjson writes too, in a fiftieth of the time."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _document(order: Order, manifest_sha256: str) -> dict[str, Any]:
    revision = order.revision
    return {
        **_ware(order.offer),
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
        "revision": {"id": str(revision.id), "number": revision.number, "manifest_sha256": manifest_sha256},
    }


def _ware(offer: Offer) -> dict[str, orjson.Fragment]:
    """Offer, product and vendor, the same in all orders on an offer that was read once: so written once."""
    written = vars(offer).get(_WRITTEN)
    if written is None:
        product = offer.product
        parts = {
            "vendor": _party(product.vendor_org),
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
            "offer": {
                "id": str(offer.id),
                "price_model": offer.price_model,
                "amount": offer.amount,
                "currency": offer.currency,
                "licence": offer.licence,
                "acceptance_days": offer.acceptance_days,
            },
        }
        written = {name: orjson.Fragment(_canonical(part)) for name, part in parts.items()}
        setattr(offer, _WRITTEN, written)
    return written


def _price(bargain: Bargain) -> dict[str, Any]:
    document: dict[str, Any] = {
        "rule": as_document(bargain.rule),
        "lines": [
            {
                "reason": line.reason,
                "tier": line.tier,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "flat": line.flat,
            }
            for line in bargain.price.lines
        ],
        "total": bargain.price.total,
    }
    if bargain.term:
        starts_on, ends_on = bargain.term
        document["term"] = {"starts_on": starts_on.isoformat(), "ends_before": ends_on.isoformat()}
        document["payments"] = [
            {"number": part.number, "due_on": part.due_on.isoformat(), "amount": part.amount} for part in bargain.plan
        ]
    return document


def _party(organization: Organization) -> dict[str, str]:
    return {"id": str(organization.id), "name": organization.name, "uscc": organization.uscc}
