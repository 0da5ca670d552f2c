"""Acceptance, by the buyer or by the end of the acceptance period, and the end of a trade."""

import datetime
import itertools
import uuid
from collections.abc import Iterable

from django.db import transaction

from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import copy_together, insert_together
from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order
from market.orders.models import Order
from market.orders.services.charging import due_at_acceptance
from market.orders.services.steps import BATCH, AlsoInsert, evidence, lock_for_buyer, move
from market.orders.states import ORDER_MOVES, OrderState


def accept(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Order:
    """The buyer accepts what was delivered: it is charged, or the contract that runs begins (``due_at_acceptance``).

    Raises ``IllegalTransition`` unless the order is delivered, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        order = lock_for_buyer(actor, order_id)
        if order.state != OrderState.DELIVERED:
            raise ORDER_MOVES.illegal(order.state, OrderState.ACCEPTED)
        move(order, OrderState.ACCEPTED, accepted_at=clock.now())
        insert_together(
            evidence("order.accepted", actor, order, automatic=False),
            due_at_acceptance(order),
            also_insert(order) if also_insert else None,
        )
    return order


def accept_overdue() -> int:
    """Accept every delivered order whose acceptance period has ended; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds.
    """
    accepted = 0
    while batch := _accept_batch():
        accepted += batch
    return accepted


def _accept_batch() -> int:
    now = clock.now()
    with transaction.atomic():
        overdue = list(
            Order.objects.filter(state=OrderState.DELIVERED, acceptance_due_at__lte=now)
            .select_related("offer")
            .order_by("acceptance_due_at")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)[:BATCH]
        )
        Order.objects.filter(id__in=[order.id for order in overdue], state=OrderState.DELIVERED).update(
            state=OrderState.ACCEPTED, accepted_at=now
        )
        insert_together(
            [evidence("order.accepted", SYSTEM, order, automatic=True) for order in overdue],
            itertools.chain.from_iterable(due_at_acceptance(order) for order in overdue),
        )
    return len(overdue)


def mark_settled(*, order_ids: Iterable[uuid.UUID]) -> int:
    """The vendor's share of these accepted orders is on its way, or there was none: the trades are closed.

    All or none, in statements of ``BATCH`` orders; returns how many. Raises ``IllegalTransition`` for the first order
    that is not accepted, ``NotFound`` when one does not exist.
    """
    wanted = sorted(set(order_ids))
    now = clock.now()
    with transaction.atomic():
        for start in range(0, len(wanted), BATCH):
            _settle_batch(wanted[start : start + BATCH], now)
    return len(wanted)


def _settle_batch(order_ids: list[uuid.UUID], now: datetime.datetime) -> None:
    orders = list(lock_in_order(Order.objects.filter(id__in=order_ids)))
    if len(orders) != len(order_ids):
        raise NotFound
    for order in orders:
        ORDER_MOVES.require(order.state, OrderState.SETTLED)
    Order.objects.filter(id__in=order_ids, state=OrderState.ACCEPTED).update(state=OrderState.SETTLED, closed_at=now)
    copy_together(evidence("order.settled", SYSTEM, order) for order in orders)
