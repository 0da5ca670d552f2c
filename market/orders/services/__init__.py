"""What may be done to an order, by act. Money moves and evidence is left in the act's own transaction."""

from market.orders.services.accepting import accept, accept_overdue, mark_settled
from market.orders.services.delivering import mark_delivered, mark_delivering, mark_delivery_failed, retry_delivery
from market.orders.services.ending import cancel, refund_failed, refund_overdue_failures
from market.orders.services.placing import place

__all__ = [
    "accept",
    "accept_overdue",
    "cancel",
    "mark_delivered",
    "mark_delivering",
    "mark_delivery_failed",
    "mark_settled",
    "place",
    "refund_failed",
    "refund_overdue_failures",
    "retry_delivery",
]
