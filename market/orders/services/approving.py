"""Spending limits, and the word of the buyer's finance on an order beyond them."""

import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.models import Membership
from accounts.states import Capacity, OrganizationState
from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.errors import OfferNotOrderable
from market.catalog.states import ProductState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.kernel.money import MAX_AMOUNT
from market.ledger.selectors import organization_with_accounts
from market.ledger.services import posting
from market.orders.limits import limits_of
from market.orders.locks import lock_order
from market.orders.models import Order, SpendingLimit
from market.orders.selectors import APPROVING_ROLES, bare_orders_visible_to
from market.orders.services.steps import AlsoInsert, evidence, first_delivery, into_escrow, move
from market.orders.services.waiting import locked_balance
from market.orders.states import ORDER_MOVES, OrderState


def set_limit(*, actor: Actor, membership_id: uuid.UUID | None, amount: int) -> SpendingLimit:
    """Let one member (None: each purchaser without a limit of their own) order for ``amount`` fen a calendar month.

    Raises ``InvalidInput`` for an amount out of range, ``Forbidden``, ``NotFound`` for another's member.
    """
    actor.require_role(*APPROVING_ROLES)
    actor.require_capacity(Capacity.BUYER)
    if not 0 <= amount <= MAX_AMOUNT:
        raise InvalidInput(errors={"/amount": _("Nothing or more, and no more than one order may cost.")})
    own = Membership.objects.filter(id=membership_id, organization=actor.organization_id)
    if membership_id is not None and not own.exists():
        raise NotFound
    with transaction.atomic():
        wanted = SpendingLimit(buyer_org_id=actor.organization_id, membership_id=membership_id, amount=amount)
        SpendingLimit.objects.bulk_create(
            [wanted], update_conflicts=True, unique_fields=["buyer_org", "membership"], update_fields=["amount"]
        )
        limit = limits_of(actor).get(membership=membership_id)
        insert_together(_limit_event("spending_limit.set", actor, limit))
    return limit


def remove_limit(*, actor: Actor, limit_id: uuid.UUID) -> None:
    """End a limit. Raises ``Forbidden`` or ``NotFound``."""
    actor.require_role(*APPROVING_ROLES)
    with transaction.atomic():
        limit = limits_of(actor).select_for_update().filter(id=limit_id).first()
        if limit is None:
            raise NotFound
        insert_together(_limit_event("spending_limit.removed", actor, limit))
        limit.delete()


def _limit_event(name: str, actor: Actor, limit: SpendingLimit) -> AuditEvent:
    return event(
        name,
        actor=actor,
        subject=("spending_limit", limit.id),
        on_behalf_of=limit.buyer_org_id,
        buyer_org_id=limit.buyer_org_id,
        payload={
            "membership": str(limit.membership_id) if limit.membership_id else None,
            "amount": limit.amount,
            "currency": limit.currency,
        },
    )


def approve(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Order:
    """Finance lets an order beyond a limit go on: it is paid, or waits for funds when its buyer asked for that.

    Raises ``IllegalTransition`` unless it awaits approval in time, ``InsufficientFunds`` (it goes on waiting),
    ``OrganizationNotTrading``, ``OfferNotOrderable``, ``Forbidden``, ``NotFound``.
    """
    with posting(), transaction.atomic():
        order = _lock_for_finance(actor, order_id, OrderState.PAID)
        buyer = organization_with_accounts(order.buyer_org_id, order.currency)
        if {buyer.state, order.vendor_org.state} != {OrganizationState.VERIFIED}:
            raise OrganizationNotTrading
        if order.product.state != ProductState.LISTED:
            raise OfferNotOrderable
        may_wait = order.funds_due_at is not None and order.funds_due_at > clock.now()
        must_wait = may_wait and locked_balance(buyer) < order.amount
        move(order, OrderState.AWAITING_FUNDS if must_wait else OrderState.PAID)
        approved = evidence("order.approved", actor, order)
        paid = None if must_wait else evidence("order.paid", actor, order, waited_for="approval")
        insert_together(
            [approved] if paid is None else [approved, paid],
            None if must_wait else into_escrow(order, buyer),
            None if must_wait else first_delivery(order),
            also_insert(order) if also_insert else None,
        )
    return order


def decline(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Order:
    """Finance ends an order beyond a limit; no money had moved. Raises as ``approve`` does."""
    with transaction.atomic():
        order = _lock_for_finance(actor, order_id, OrderState.CANCELLED)
        move(order, OrderState.CANCELLED, closed_at=clock.now())
        insert_together(evidence("order.declined", actor, order), also_insert(order) if also_insert else None)
    return order


def _lock_for_finance(actor: Actor, order_id: uuid.UUID, target: str) -> Order:
    actor.require_role(*APPROVING_ROLES)
    order = lock_order(bare_orders_visible_to(actor), order_id)
    if order.buyer_org_id != actor.organization_id:
        raise Forbidden(_("Only the buyer may do this."))
    if order.placed_by_id == actor.user_id:
        raise Forbidden(_("Somebody else decides about an order of your own."))
    if order.state != OrderState.AWAITING_APPROVAL or order.approval_due_at <= clock.now():
        raise ORDER_MOVES.illegal(order.state, target)
    return order
