"""Approval of a buyer's purpose: asked for by the buyer, decided by the vendor and then by the exchange."""

import datetime
import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.models import Membership
from accounts.selectors import organization
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.errors import ApprovalAsked, ApprovalExpired, ApprovalNotNeeded, ReviewerNotIndependent
from market.catalog.models import Product, PurposeApproval
from market.catalog.selectors import BUYING_ROLES, approval_needed, approvals_visible_to, products_visible_to
from market.catalog.services.rules import MAX_REASON, Findings, clean_reason
from market.catalog.states import APPROVAL_MOVES, OPEN_APPROVALS, ApprovalState, ProductState, ReviewDecision
from market.catalog.validators import clean_text
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import Forbidden, InvalidInput, NotFound

MAX_PURPOSE = 1000
BATCH = 500
"""Approvals that expire in one transaction."""

AlsoInsert = Callable[[PurposeApproval], Model] | None
"""Makes one more row from the changed approval, inserted in the act's own statement (an idempotent reply)."""


def request_purpose_approval(
    *, actor: Actor, product_id: uuid.UUID, purpose: str, also_insert: AlsoInsert = None
) -> PurposeApproval:
    """A buyer says what it wants a product for; vendor and exchange have ``PURPOSE_APPROVAL_DAYS`` to decide.

    After a rejection the buyer may ask again, with the same words or others. Raises ``InvalidInput``, ``Forbidden``,
    ``NotFound`` for what is not listed, ``ApprovalNotNeeded``, ``ApprovalAsked``, ``OrganizationNotTrading``.
    """
    actor.require_role(*BUYING_ROLES)
    actor.require_capacity(Capacity.BUYER)
    if actor.organization_id is None or actor.user_id is None:
        raise Forbidden(_("A purpose is declared by a person for an organisation."))
    purpose = _clean_purpose(purpose)
    product = _product_for_sale(actor, product_id)
    buyer = organization(actor.organization_id)
    if buyer.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("Ask the operator to verify your organisation first."))
    now = clock.now()
    approval = PurposeApproval(
        product=product,
        vendor_org_id=product.vendor_org_id,
        buyer_org=buyer,
        purpose=purpose,
        requested_by_id=actor.user_id,
        requested_at=now,
        expires_at=now + datetime.timedelta(days=settings.PURPOSE_APPROVAL_DAYS),
    )
    try:
        with transaction.atomic():
            _close_overdue(product, buyer.id, purpose)
            insert_together(
                approval,
                _event("purpose.requested", actor, approval),
                also_insert(approval) if also_insert else None,
            )
    except IntegrityError as error:
        if violated_constraint(error) != "purpose_open_once":
            raise
        raise ApprovalAsked(_("Look at the purpose approval that you have.")) from error
    return approval


def approval_of_purpose(product: Product, buyer_org_id: uuid.UUID, purpose: str) -> uuid.UUID | None:
    """The key of the approval in force of this very purpose; None for a product that needs none.

    Raises ``ApprovalNeeded``.
    """
    if not product.needs_purpose_approval:
        return None
    approved = PurposeApproval.objects.filter(
        product=product,
        buyer_org_id=buyer_org_id,
        purpose=purpose.strip(),
        state=ApprovalState.APPROVED,
        expires_at__gt=clock.now(),
    )
    found = approved.values_list("id", flat=True).first()
    if found is None:
        raise approval_needed(product, buyer_org_id)
    return found


def _clean_purpose(purpose: str) -> str:
    findings = Findings()
    with findings.at("/purpose"):
        purpose = clean_text(purpose, most=MAX_PURPOSE)
        if not purpose:
            raise ValidationError(_("Say what the data is for."))
    findings.raise_if_any()
    return purpose


def _product_for_sale(actor: Actor, product_id: uuid.UUID) -> Product:
    product = products_visible_to(actor).filter(id=product_id).first()
    if product is None:
        raise NotFound
    if product.vendor_org_id == actor.organization_id:
        raise Forbidden(_("This is your own organisation's product."))
    if product.state != ProductState.LISTED:
        raise NotFound
    if not product.needs_purpose_approval:
        raise ApprovalNotNeeded(_("Order it, and declare your purpose there."))
    return product


def _close_overdue(product: Product, buyer_org_id: uuid.UUID, purpose: str) -> None:
    """An approval whose time is over, but which beat has not closed yet, must not hinder asking again."""
    overdue = PurposeApproval.objects.filter(product=product, buyer_org_id=buyer_org_id, purpose=purpose)
    _expire(overdue.filter(state__in=OPEN_APPROVALS, expires_at__lte=clock.now()).select_for_update(no_key=True))


def decide_as_vendor(*, actor: Actor, approval_id: uuid.UUID, decision: str, reason: str = "") -> PurposeApproval:
    """The vendor approves the purpose, or rejects it with a reason that the buyer reads (``ReviewDecision``).

    Raises ``Forbidden``, ``NotFound``, ``InvalidInput``, ``IllegalTransition``, ``ApprovalExpired``,
    ``ReviewerNotIndependent`` for whoever asked for it.
    """
    actor.require_role(Role.OWNER, Role.LISTER)
    actor.require_capacity(Capacity.VENDOR)
    own = PurposeApproval.objects.filter(id=approval_id, vendor_org_id=actor.organization_id)
    approval = own.select_related("product", "buyer_org").first()
    if approval is None:
        raise NotFound
    if actor.user_id == approval.requested_by_id:
        raise ReviewerNotIndependent(_("Ask a colleague who has nothing to do with the buyer."))
    is_approved, reason = _decided(decision, reason)
    changes = {"vendor_decided_by_id": actor.user_id, "vendor_decided_at": clock.now(), "vendor_reason": reason}
    target = ApprovalState.VENDOR_APPROVED if is_approved else ApprovalState.REJECTED
    return _decide(actor, approval, ApprovalState.REQUESTED, target, changes, reason)


def decide_as_operator(*, actor: Actor, approval_id: uuid.UUID, decision: str, reason: str = "") -> PurposeApproval:
    """The exchange approves what the vendor has approved, or rejects it; the decider belongs to neither side.

    Approved, the buyer may order for ``PURPOSE_APPROVAL_DAYS``. Raises as ``decide_as_vendor``.
    """
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    approval = PurposeApproval.objects.filter(id=approval_id).select_related("product", "buyer_org").first()
    if approval is None:
        raise NotFound
    _require_independent(actor, approval)
    is_approved, reason = _decided(decision, reason)
    now = clock.now()
    changes: dict[str, Any] = {
        "operator_decided_by_id": actor.user_id,
        "operator_decided_at": now,
        "operator_reason": reason,
    }
    if is_approved:
        changes["expires_at"] = now + datetime.timedelta(days=settings.PURPOSE_APPROVAL_DAYS)
    target = ApprovalState.APPROVED if is_approved else ApprovalState.REJECTED
    return _decide(actor, approval, ApprovalState.VENDOR_APPROVED, target, changes, reason)


def _decided(decision: str, reason: str) -> tuple[bool, str]:
    if decision not in (ReviewDecision.APPROVED, ReviewDecision.REJECTED):
        raise InvalidInput(errors={"/decision": _("approved or rejected")})
    if decision == ReviewDecision.REJECTED:
        return False, clean_reason(reason)
    findings = Findings()
    with findings.at("/reason"):
        reason = clean_text(reason, most=MAX_REASON)
    findings.raise_if_any()
    return True, reason


def _require_independent(actor: Actor, approval: PurposeApproval) -> None:
    sides = (approval.vendor_org_id, approval.buyer_org_id)
    if Membership.objects.filter(user_id=actor.user_id, organization_id__in=sides).exists():
        raise ReviewerNotIndependent(_("Ask a colleague who belongs to neither the vendor nor the buyer."))


def _decide(
    actor: Actor, approval: PurposeApproval, source: str, target: str, changes: dict[str, Any], reason: str
) -> PurposeApproval:
    """Compare-and-set from exactly ``source``: the exchange decides on nothing that the vendor has not decided."""
    if target == ApprovalState.REJECTED:
        changes["closed_at"] = clock.now()
    with transaction.atomic():
        _move(approval, (source,), target, changes)
        insert_together(_event(f"purpose.{target}", actor, approval, reason=reason))
    return approval


def withdraw_purpose_approval(
    *, actor: Actor, approval_id: uuid.UUID, also_insert: AlsoInsert = None
) -> PurposeApproval:
    """The buyer takes its purpose back, decided or not. Raises ``Forbidden``, ``NotFound``, ``IllegalTransition``."""
    actor.require_role(*BUYING_ROLES)
    with transaction.atomic():
        approval = approvals_visible_to(actor).filter(id=approval_id).first()
        if approval is None:
            raise NotFound
        if approval.buyer_org_id != actor.organization_id:
            raise Forbidden(_("Only the buyer may do this."))
        _move(approval, OPEN_APPROVALS, ApprovalState.WITHDRAWN, {"closed_at": clock.now()})
        insert_together(
            _event("purpose.withdrawn", actor, approval),
            also_insert(approval) if also_insert else None,
        )
    return approval


def _move(approval: PurposeApproval, sources: tuple[str, ...], target: str, changes: dict[str, Any]) -> None:
    """Compare-and-set in the database, its time included, and the same on the instance."""
    row = PurposeApproval.objects.filter(id=approval.id)
    now = clock.now()
    if not row.filter(state__in=sources, expires_at__gt=now).update(state=target, **changes):
        state, expires_at = row.values_list("state", "expires_at").get()
        if state in sources and expires_at <= now:
            raise ApprovalExpired(_("The buyer may ask again."), expires_at=expires_at.isoformat())
        raise APPROVAL_MOVES.illegal(state, target)
    for name, value in {"state": target, **changes}.items():
        setattr(approval, name, value)


def expire_purpose_approvals() -> int:
    """Close every approval whose time is over; returns how many. Any number of callers may run at once."""
    expired = 0
    while batch := _expire_batch():
        expired += batch
    return expired


def _expire_batch() -> int:
    overdue = PurposeApproval.objects.filter(state__in=OPEN_APPROVALS, expires_at__lte=clock.now())
    with transaction.atomic():
        return _expire(overdue.order_by("expires_at").select_for_update(skip_locked=True, no_key=True)[:BATCH])


def _expire(overdue: Any) -> int:
    approvals = list(overdue)
    if approvals:
        now = clock.now()
        PurposeApproval.objects.filter(id__in=[approval.id for approval in approvals]).update(
            state=ApprovalState.EXPIRED, closed_at=now
        )
        insert_together([_event("purpose.expired", SYSTEM, approval) for approval in approvals])
    return len(approvals)


def _event(name: str, actor: Actor, approval: PurposeApproval, **payload: Any) -> AuditEvent:
    """The purpose is kept by its SHA-256: people write what they like, and the row itself never changes."""
    kept = {
        "product_id": str(approval.product_id),
        "purpose_sha256": hashlib.sha256(approval.purpose.encode()).hexdigest(),
        "expires_at": approval.expires_at.isoformat(),
    }
    return event(
        name,
        actor=actor,
        subject=("purpose_approval", approval.id),
        on_behalf_of=approval.buyer_org_id,
        buyer_org_id=approval.buyer_org_id,
        vendor_org_id=approval.vendor_org_id,
        payload=kept | payload,
    )
