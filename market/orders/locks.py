"""Locks on orders."""

import uuid

from django.db.models import QuerySet

from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order
from market.orders.models import Order


def lock_order(orders: QuerySet[Order], order_id: uuid.UUID) -> Order:
    """One order of ``orders``, locked until the transaction ends. Raises ``NotFound``.

    Who had to wait for the lock sees the order as it is now, but whatever was joined to it as it was before: its
    dispute, which may have begun or moved meanwhile, is read anew when it is asked for.
    """
    order = lock_in_order(orders.filter(id=order_id)).first()
    if order is None:
        raise NotFound
    dispute = Order._meta.get_field("dispute")
    if dispute.is_cached(order):
        dispute.delete_cached_value(order)
    return order
