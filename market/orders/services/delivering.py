"""What the delivery room reports about an order, and sending it back to delivery."""

import datetime
import uuid

from django.conf import settings
from django.db import transaction

from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.orders import jobs
from market.orders.locks import lock_order
from market.orders.models import Order
from market.orders.selectors import bare_orders_visible_to
from market.orders.services.steps import evidence, move, require_operator
from market.orders.states import ORDER_MOVES, OrderState
from market.outbox.services import job


def mark_delivering(*, order_id: uuid.UUID) -> Order:
    """Delivery has begun.

    Safe to repeat: an order that is being delivered stays so. Raises ``IllegalTransition`` when it was cancelled
    meanwhile or waits for an operator, and ``NotFound``.
    """
    with transaction.atomic():
        order = lock_order(Order.objects, order_id)
        if order.state == OrderState.DELIVERING:
            return order
        if order.state != OrderState.PAID:
            raise ORDER_MOVES.illegal(order.state, OrderState.DELIVERING)
        move(order, OrderState.DELIVERING)
        insert_together(evidence("order.delivering", SYSTEM, order, delivery_try=order.delivery_tries))
    return order


def mark_delivered(*, order_id: uuid.UUID) -> Order:
    """The buyer can receive everything: the acceptance period of the offer, or of an amendment, begins.

    Raises ``IllegalTransition`` when the order is not being delivered any more, and ``NotFound``.
    """
    with transaction.atomic():
        order = lock_order(Order.objects.select_related("offer"), order_id)
        now = clock.now()
        due = now + datetime.timedelta(days=order.acceptance_days or order.offer.acceptance_days)
        move(order, OrderState.DELIVERED, delivered_at=now, acceptance_due_at=due)
        insert_together(evidence("order.delivered", SYSTEM, order, acceptance_due_at=due.isoformat()))
    return order


def mark_delivery_failed(*, order_id: uuid.UUID, reason: str) -> Order:
    """Delivery has been given up; without an operator's retry the buyer is refunded after
    ``ORDER_FAILED_REFUND_DAYS``.

    Does nothing to an order that no longer waits for delivery (cancelled meanwhile): look at the returned state.
    Raises ``NotFound``.
    """
    with transaction.atomic():
        order = lock_order(Order.objects, order_id)
        if order.state not in (OrderState.PAID, OrderState.DELIVERING):
            return order
        due = clock.now() + datetime.timedelta(days=settings.ORDER_FAILED_REFUND_DAYS)
        move(order, OrderState.DELIVERY_FAILED, failure_reason=reason, refund_due_at=due)
        insert_together(evidence("order.delivery_failed", SYSTEM, order, reason=reason, refund_due_at=due.isoformat()))
    return order


def retry_delivery(*, actor: Actor, order_id: uuid.UUID) -> Order:
    """An operator sends a failed order back to delivery under a job of its own.

    Raises ``Forbidden``, ``NotFound``, or ``IllegalTransition`` unless delivery has failed.
    """
    require_operator(actor)
    with transaction.atomic():
        order = lock_order(bare_orders_visible_to(actor), order_id)
        if order.state != OrderState.DELIVERY_FAILED:
            raise ORDER_MOVES.illegal(order.state, OrderState.DELIVERING)
        tries = order.delivery_tries + 1
        move(order, OrderState.DELIVERING, delivery_tries=tries, failure_reason="", refund_due_at=None)
        insert_together(
            evidence("order.delivery_retried", actor, order, delivery_try=tries),
            job(jobs.DELIVER, key=f"{order.id}:{tries}", subject_id=order.id),
        )
    return order
