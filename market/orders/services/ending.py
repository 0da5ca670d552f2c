"""Ends before capture: the money goes back to the wallet it came from."""

import uuid

from django.db import transaction

from accounts.states import Capacity, Role
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.ledger.services import posting
from market.orders.models import Order
from market.orders.services.steps import BATCH, AlsoInsert, evidence, lock_for_buyer, lock_to_act, money_back, move
from market.orders.states import ORDER_MOVES, WAITING, OrderState


def cancel(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Order:
    """The buyer cancels before delivery is complete; what was paid returns from escrow to the wallet.

    Raises ``IllegalTransition`` when it is too late, ``Forbidden``, ``NotFound``.
    """
    with posting(), transaction.atomic():
        order = lock_for_buyer(actor, order_id, also_insert)
        returned = 0 if order.state in WAITING else order.amount
        move(order, OrderState.CANCELLED, closed_at=clock.now())
        insert_together(
            evidence("order.cancelled", actor, order, returned=returned),
            money_back([order]) if returned else None,
            also_insert(order) if also_insert else None,
        )
    return order


def refund_failed(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Order:
    """The buyer or an operator ends an order whose delivery failed; the price returns to the wallet.

    Raises ``IllegalTransition`` unless delivery has failed, ``Forbidden``, ``NotFound``.
    """
    is_operator = actor.role == Role.OPERATOR and Capacity.OPERATOR in actor.capacities
    with posting(), transaction.atomic():
        if is_operator:
            order = lock_to_act(actor, order_id, also_insert)
        else:
            order = lock_for_buyer(actor, order_id, also_insert)
        if order.state != OrderState.DELIVERY_FAILED:
            raise ORDER_MOVES.illegal(order.state, OrderState.REFUNDED)
        move(order, OrderState.REFUNDED, closed_at=clock.now())
        insert_together(
            evidence("order.refunded", actor, order, returned=order.amount, automatic=False),
            money_back([order]),
            also_insert(order) if also_insert else None,
        )
    return order


def refund_overdue_failures() -> int:
    """Refund every order whose delivery failed and whose grace has run out; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds.
    """
    refunded = 0
    while batch := _refund_batch():
        refunded += batch
    return refunded


def _refund_batch() -> int:
    now = clock.now()
    with posting(), transaction.atomic():
        overdue = list(
            Order.objects.filter(state=OrderState.DELIVERY_FAILED, refund_due_at__lte=now)
            .order_by("refund_due_at")
            .select_for_update(skip_locked=True, no_key=True)[:BATCH]
        )
        Order.objects.filter(id__in=[order.id for order in overdue], state=OrderState.DELIVERY_FAILED).update(
            state=OrderState.REFUNDED, closed_at=now
        )
        insert_together(
            [evidence("order.refunded", SYSTEM, order, returned=order.amount, automatic=True) for order in overdue],
            money_back(overdue),
        )
    return len(overdue)
