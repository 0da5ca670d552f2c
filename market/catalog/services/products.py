"""The product itself: created and edited by its vendor, suspended by the operator, delisted by either."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.selectors import organization
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.errors import ProductCodeTaken
from market.catalog.locks import lock_own_product, lock_product_as_operator, lock_product_in_charge
from market.catalog.models import Product
from market.catalog.services.rules import (
    PRODUCT_FIELDS,
    Findings,
    check_product,
    clean_reason,
    evidence_of_product,
    require_verified,
)
from market.catalog.states import EDITABLE, PRODUCT_MOVES, Grade, ProductState
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_state, violated_constraint


def create_product(
    *,
    actor: Actor,
    code: str,
    title: str,
    description: str,
    kind: str,
    sector: str,
    rights_basis: str,
    grade: str = Grade.GENERAL,
    has_personal_information: bool = False,
    requires_purpose_approval: bool = False,
    vendor_org_id: uuid.UUID | None = None,
) -> Product:
    """A new draft of the actor's vendor (``vendor_org_id`` is for the exchange itself, ``SYSTEM``).

    Raises ``Forbidden``, ``InvalidInput``, ``CoreDataRefused``, ``ProductCodeTaken``.
    """
    actor.require_role(Role.OWNER, Role.LISTER)
    actor.require_capacity(Capacity.VENDOR)
    product = Product(
        vendor_org=organization(vendor_org_id if actor is SYSTEM else actor.organization_id),
        code=code,
        title=title,
        description=description,
        kind=kind,
        sector=sector,
        grade=grade,
        has_personal_information=has_personal_information,
        requires_purpose_approval=requires_purpose_approval,
        rights_basis=rights_basis,
    )
    findings = Findings()
    check_product(product, findings)
    findings.raise_if_any()
    with code_once(), transaction.atomic():
        insert_together(product, product_event("product.created", actor, product, evidence_of_product(product)))
    return product


def edit_product(*, actor: Actor, product_id: uuid.UUID, **changes: Any) -> Product:
    """Change what the vendor says about a draft. A rejected product becomes a draft again.

    ``changes`` are values by the names in ``PRODUCT_FIELDS``. Raises ``IllegalTransition`` once submitted,
    ``InvalidInput``, ``CoreDataRefused``, ``ProductCodeTaken``, ``NotFound``.
    """
    if unknown := set(changes) - set(PRODUCT_FIELDS):
        raise TypeError(f"a product has no {', '.join(sorted(unknown))}")
    with code_once(), transaction.atomic():
        product = lock_own_product(actor, product_id)
        if product.state not in EDITABLE:
            raise PRODUCT_MOVES.illegal(product.state, ProductState.DRAFT)
        for name, value in changes.items():
            setattr(product, name, value)
        findings = Findings()
        check_product(product, findings)
        findings.raise_if_any()
        product.state = ProductState.DRAFT
        Product.objects.filter(id=product.id).update(
            state=product.state, **{name: getattr(product, name) for name in changes}
        )
        insert_together(product_event("product.edited", actor, product, evidence_of_product(product)))
    return product


def suspend_product(*, actor: Actor, product_id: uuid.UUID, reason: str) -> None:
    """The operator stops new orders of a listed product for the time being; running entitlements go on.

    Raises ``Forbidden``, ``InvalidInput`` without a reason, ``IllegalTransition``, ``NotFound``.
    """
    reason = clean_reason(reason)
    with transaction.atomic():
        product = lock_product_as_operator(actor, product_id)
        _move(product, ProductState.SUSPENDED)
        insert_together(product_event("product.suspended", actor, product, {"reason": reason}))


def resume_product(*, actor: Actor, product_id: uuid.UUID, reason: str) -> None:
    """The operator lets a suspended product be ordered again. Raises also ``OrganizationNotTrading``."""
    reason = clean_reason(reason)
    with transaction.atomic():
        product = lock_product_as_operator(actor, product_id)
        # Only from suspended: a product in review is listed by its review alone.
        if product.state != ProductState.SUSPENDED:
            raise PRODUCT_MOVES.illegal(product.state, ProductState.LISTED)
        require_verified(product.vendor_org)
        _move(product, ProductState.LISTED)
        insert_together(product_event("product.resumed", actor, product, {"reason": reason}))


def delist_product(*, actor: Actor, product_id: uuid.UUID, reason: str) -> None:
    """Take a listed product off the market for good: no new orders; what was bought goes on to its end.

    The vendor or the operator may. Raises ``Forbidden``, ``InvalidInput``, ``IllegalTransition``, ``NotFound``.
    """
    reason = clean_reason(reason)
    with transaction.atomic():
        product = lock_product_in_charge(actor, product_id)
        _move(product, ProductState.DELISTED)
        insert_together(product_event("product.delisted", actor, product, {"reason": reason}))


def _move(product: Product, target: str) -> None:
    move_state(Product.objects.filter(id=product.id), PRODUCT_MOVES, target)


def product_event(name: str, actor: Actor, product: Product, payload: dict[str, Any]) -> AuditEvent:
    """An unsaved event about a product, filed under its vendor."""
    return event(
        name,
        actor=actor,
        subject=("product", product.id),
        on_behalf_of=product.vendor_org_id,
        vendor_org_id=product.vendor_org_id,
        payload=payload,
    )


@contextlib.contextmanager
def code_once() -> Iterator[None]:
    """Turn the database's refusal of a code used before into ``ProductCodeTaken``."""
    try:
        yield
    except IntegrityError as error:
        if violated_constraint(error) == "product_code_once_per_vendor":
            raise ProductCodeTaken(_("Choose another code: each is used once per vendor.")) from error
        raise
