"""Submission by the vendor, decision by an operator who has nothing to do with the vendor."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.catalog.errors import NotReadyForReview, ReviewerNotIndependent
from market.catalog.locks import lock_own_product, lock_product_as_operator
from market.catalog.models import Product, Review
from market.catalog.selectors import missing_for_review
from market.catalog.services.products import product_event
from market.catalog.services.rules import MAX_REASON, Findings, clean_reason, evidence_of_product, require_verified
from market.catalog.states import (
    PRODUCT_MOVES,
    REVIEW_CHECKLIST,
    REVIEW_MOVES,
    ProductState,
    ReviewDecision,
)
from market.catalog.validators import clean_text
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.errors import InvalidInput, NotFound
from market.kernel.identifiers import short_code


def submit_product(*, actor: Actor, product_id: uuid.UUID) -> Review:
    """Ask for a review. Until the decision nothing about the product can change.

    A rejected product may be submitted again. Raises ``NotReadyForReview`` naming all that misses (a published
    revision with a file, an active offer), ``OrganizationNotTrading`` before the vendor is verified,
    ``IllegalTransition``, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        product = lock_own_product(actor, product_id)
        is_again = product.state == ProductState.REJECTED
        if is_again:
            move_state(Product.objects.filter(id=product.id), PRODUCT_MOVES, ProductState.DRAFT)
        else:
            PRODUCT_MOVES.require(product.state, ProductState.IN_REVIEW)
        require_reviewable(product)
        move_state(Product.objects.filter(id=product.id), PRODUCT_MOVES, ProductState.IN_REVIEW)
        review = Review(
            product=product,
            vendor_org_id=product.vendor_org_id,
            submitted_by_id=actor.user_id,
            submitted_at=clock.now(),
        )
        payload = evidence_of_product(product) | {"review_id": str(review.id), "is_again": is_again}
        insert_together(review, product_event("product.submitted", actor, product, payload))
    return review


def require_reviewable(product: Product) -> None:
    """Raise unless the vendor is verified and the product has everything a buyer could order."""
    require_verified(product.vendor_org)
    missing = missing_for_review(product)
    if missing:
        raise NotReadyForReview(" ".join(str(text) for text in missing.values()), errors=missing)


def decide_review(
    *,
    actor: Actor,
    review_id: uuid.UUID,
    decision: str,
    reasons: str = "",
    checklist: Mapping[str, Any] | None = None,
) -> Review:
    """Approve or reject a submission (``decision`` is ``approved`` or ``rejected``).

    Approval confirms every point of ``REVIEW_CHECKLIST``, issues the registration certificate and lists the product;
    rejection needs reasons, which the vendor reads. Raises ``Forbidden``, ``ReviewerNotIndependent``,
    ``InvalidInput``, ``NotReadyForReview``, ``OrganizationNotTrading``, ``IllegalTransition``, ``NotFound``.
    """
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    checked, reasons = _clean(decision, reasons, checklist or {})
    with transaction.atomic():
        review = Review.objects.filter(id=review_id).first()
        if review is None:
            raise NotFound
        product = lock_product_as_operator(actor, review.product_id)
        require_independence(actor, review)
        review.decision, review.reasons, review.checklist = decision, reasons, checked
        review.decided_by_id, review.decided_at = actor.user_id, clock.now()
        move_state(
            Review.objects.filter(id=review.id),
            REVIEW_MOVES,
            decision,
            field="decision",
            reasons=reasons,
            checklist=checked,
            decided_by_id=actor.user_id,
            decided_at=review.decided_at,
        )
        payload: dict[str, Any] = {"review_id": str(review.id), "reasons": reasons, "checklist": checked}
        if decision == ReviewDecision.APPROVED:
            require_reviewable(product)
            certify(product)
            payload["certificate_number"] = product.certificate_number
            changes = {"certificate_number": product.certificate_number, "listed_at": product.listed_at}
            move_state(Product.objects.filter(id=product.id), PRODUCT_MOVES, ProductState.LISTED, **changes)
            insert_together(product_event("product.listed", actor, product, payload))
        else:
            move_state(Product.objects.filter(id=product.id), PRODUCT_MOVES, ProductState.REJECTED)
            insert_together(product_event("product.rejected", actor, product, payload))
    return review


def _clean(decision: str, reasons: str, checklist: Mapping[str, Any]) -> tuple[dict[str, bool], str]:
    if decision not in (ReviewDecision.APPROVED, ReviewDecision.REJECTED):
        raise InvalidInput(errors={"/decision": _("approved or rejected")})
    if unknown := set(checklist) - set(REVIEW_CHECKLIST):
        raise InvalidInput(errors={f"/checklist/{name}": _("There is no such point.") for name in unknown})
    checked = {name: checklist.get(name) is True for name in REVIEW_CHECKLIST}
    if decision == ReviewDecision.REJECTED:
        return checked, clean_reason(reasons, name="reasons")
    unconfirmed = [name for name, is_confirmed in checked.items() if not is_confirmed]
    if unconfirmed:
        raise InvalidInput(
            _("Confirm every point of the checklist, or reject."),
            errors={f"/checklist/{name}": REVIEW_CHECKLIST[name] for name in unconfirmed},
        )
    findings = Findings()
    with findings.at("/reasons"):
        reasons = clean_text(reasons, most=MAX_REASON)
    findings.raise_if_any()
    return checked, reasons


def require_independence(actor: Actor, review: Review) -> None:
    """Raise ``ReviewerNotIndependent`` for a reviewer who submitted it, or has ever been a member of the vendor."""
    is_of_vendor = actor.organization_id == review.vendor_org_id or (
        Membership.objects.filter(user_id=actor.user_id, organization_id=review.vendor_org_id).exists()
    )
    if is_of_vendor or (actor.user_id is not None and actor.user_id == review.submitted_by_id):
        raise ReviewerNotIndependent(_("Ask a colleague who has never worked for this vendor."))


def certify(product: Product) -> None:
    """Fill in the registration certificate (登记凭证) of a product about to be listed, unless it has one."""
    if product.certificate_number is None:
        product.listed_at = clock.now()
        year = clock.business_date(product.listed_at).year
        product.certificate_number = f"QS-{year}-{short_code(product.id)}"
