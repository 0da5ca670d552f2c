"""Locks on orders."""

import uuid

from django.db.models import QuerySet

from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order
from market.orders.models import Order


def lock_order(orders: QuerySet[Order], order_id: uuid.UUID) -> Order:
    """One order of ``orders``, locked until the transaction ends. Raises ``NotFound``.

    ``orders`` joins what the act reads, and only what does not change: who had to wait for the lock sees the order as
    it is now, but whatever was joined to it as it was before. So never its dispute.
    """
    order = lock_in_order(orders.filter(id=order_id)).first()
    if order is None:
        raise NotFound
    return order
