"""Reads of orders, scoped by who asks."""

import uuid

from django.db.models import Q, QuerySet

from accounts.states import Capacity, Role
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound
from market.orders.models import Order, OrderTerms
from market.orders.states import OrderState

BUYING_ROLES = (Role.OWNER, Role.PURCHASER)

_SEE_ALL = frozenset({Capacity.OPERATOR, Capacity.REGULATOR})


def orders_visible_to(actor: Actor) -> QuerySet[Order]:
    """Orders with all that a line about them shows: a buyer's purchases, a vendor's sales, everything for auditors."""
    orders = Order.objects.select_related("buyer_org", "vendor_org", "product", "revision", "offer")
    if actor is SYSTEM or actor.capacities & _SEE_ALL:
        return orders
    return orders.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org=actor.organization_id))


def order_visible_to(actor: Actor, order_id: uuid.UUID) -> Order:
    """One order. Raises ``NotFound`` also for other organisations' orders."""
    order = orders_visible_to(actor).filter(id=order_id).first()
    if order is None:
        raise NotFound
    return order


def order_by_reference(actor: Actor, client_reference: str) -> Order | None:
    """The order that the actor's organisation placed under its own reference."""
    return Order.objects.filter(buyer_org=actor.organization_id, client_reference=client_reference).first()


def terms_of(actor: Actor, order_id: uuid.UUID) -> OrderTerms:
    """The terms in force of a visible order: the newest version. Raises ``NotFound``."""
    visible = orders_visible_to(actor).filter(id=order_id)
    terms = OrderTerms.objects.filter(order__in=visible.values("id")).order_by("-version").first()
    if terms is None:
        raise NotFound
    return terms


def acts_open_to(actor: Actor, order: Order) -> list[str]:
    """What the actor may do with the order now: ``cancel``, ``accept``, ``refund``, ``retry_delivery``."""
    is_buyer = order.buyer_org_id == actor.organization_id and actor.role in BUYING_ROLES
    is_operator = Capacity.OPERATOR in actor.capacities and actor.role == Role.OPERATOR
    acts = {
        "cancel": is_buyer and order.state in (OrderState.PAID, OrderState.DELIVERING),
        "accept": is_buyer and order.state == OrderState.DELIVERED,
        "refund": (is_buyer or is_operator) and order.state == OrderState.DELIVERY_FAILED,
        "retry_delivery": is_operator and order.state == OrderState.DELIVERY_FAILED,
    }
    return [name for name, is_open in acts.items() if is_open]
