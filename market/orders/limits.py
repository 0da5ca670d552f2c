"""Which spending limit an order falls under, and what has been spent of it."""

import datetime

from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from accounts.states import Capacity
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.locks import lock_in_order
from market.orders.models import Order, SpendingLimit
from market.orders.states import OrderState

NOT_SPENT = (OrderState.AWAITING_APPROVAL, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUNDED)


def limits_of(actor: Actor) -> QuerySet[SpendingLimit]:
    """The limits of the actor's own organisation, which must be a buyer. Raises ``Forbidden``."""
    actor.require_capacity(Capacity.BUYER)
    return SpendingLimit.objects.filter(buyer_org=actor.organization_id)


def is_limited(actor: Actor) -> bool:
    """Whether a limit of their own, or everybody's, holds for the actor."""
    concerned = Q(membership=None) | Q(membership__user=actor.user_id)
    return SpendingLimit.objects.filter(concerned, buyer_org=actor.organization_id).exists()


class Allowance:
    """What a purchaser may still order this month. The limits are locked first, so whoever orders at the same moment
    is counted; ``left`` (fen) is None where no limit holds."""

    def __init__(self, order: Order) -> None:
        limits = lock_limits(order)
        own = [limit.amount for limit in limits if limit.membership_id is not None]
        allowed = own or [limit.amount for limit in limits]
        self.left = min(allowed) - spent(order) if allowed else None

    def judge(self, order: Order) -> None:
        """Take an unsaved order's amount out of it, or let the order wait for approval when it goes beyond."""
        if self.left is None or not order.amount:
            return
        if order.amount <= self.left:
            self.left -= order.amount
            return
        order.state = OrderState.AWAITING_APPROVAL
        order.approval_due_at = order.placed_at + datetime.timedelta(days=settings.ORDER_APPROVAL_DAYS)

    def give_back(self, order: Order) -> None:
        """Undo ``judge`` for an order that is refused after all."""
        if self.left is not None and order.state != OrderState.AWAITING_APPROVAL:
            self.left += order.amount


def lock_limits(order: Order) -> list[SpendingLimit]:
    """The purchaser's own limits and everybody's, locked until the transaction ends."""
    concerned = Q(membership=None) | Q(membership__user=order.placed_by_id)
    return list(
        lock_in_order(SpendingLimit.objects.filter(concerned, buyer_org=order.buyer_org_id, currency=order.currency))
    )


def spent(order: Order) -> int:
    """What the purchaser has ordered in the calendar month (Asia/Shanghai) of this order, in fen.

    Orders that ended without a trade, and those not approved yet, do not count.
    """
    first = clock.business_date(order.placed_at).replace(day=1)
    following = (first + datetime.timedelta(days=31)).replace(day=1)
    found = Order.objects.filter(
        buyer_org=order.buyer_org_id,
        placed_by=order.placed_by_id,
        currency=order.currency,
        placed_at__gte=clock.business_midnight(first),
        placed_at__lt=clock.business_midnight(following),
    ).exclude(state__in=NOT_SPENT)
    return int(found.aggregate(total=Sum("amount"))["total"] or 0)
