"""Acceptance, by the buyer or by the end of the acceptance period, and the end of a trade."""

import itertools
import uuid
from collections.abc import Collection

from django.db import connection, transaction
from django.db.models import QuerySet

from market.audit.services import events_of_set
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.kernel.errors import NotFound
from market.orders.models import Order
from market.orders.services.charging import due_at_acceptance
from market.orders.services.steps import BATCH, AlsoInsert, evidence, lock_for_buyer, move
from market.orders.states import ORDER_MOVES, OrderState


def accept(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Order:
    """The buyer accepts what was delivered: it is charged, or the contract that runs begins (``due_at_acceptance``).

    Raises ``IllegalTransition`` unless the order is delivered, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        order = lock_for_buyer(actor, order_id, also_insert, "offer")
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


SETTLE = """
WITH wanted AS MATERIALIZED (
    SELECT id, state FROM orders_order WHERE id IN (SELECT {wanted}) ORDER BY id FOR NO KEY UPDATE
), settled AS (
    UPDATE orders_order AS sale SET state = 'settled', closed_at = %(event_occurred_at)s
      FROM wanted
     WHERE sale.id = wanted.id AND sale.state = 'accepted'
       AND NOT EXISTS (SELECT FROM wanted AS other WHERE other.state <> 'accepted')
 RETURNING audit_uuid7() AS id, sale.id AS subject_id, sale.buyer_org_id AS on_behalf_of_org_id, sale.buyer_org_id,
           sale.vendor_org_id,
           jsonb_build_object('number', sale.number, 'amount', sale.amount, 'currency', sale.currency) AS payload
), proof AS ({proof})
SELECT (SELECT count(*) FROM wanted), (SELECT count(*) FROM settled),
       (SELECT state FROM wanted WHERE state <> 'accepted' LIMIT 1)
"""


def mark_settled(*, order_ids: Collection[uuid.UUID] | QuerySet) -> int:
    """The vendor's share of these accepted orders is on its way, or there was none: the trades are closed.

    ``order_ids`` may be a query for one column of keys, which then never leave the database. All or none, in one
    statement; returns how many. Raises ``IllegalTransition`` when one is not accepted, ``NotFound`` when one of the
    given keys does not exist.
    """
    proof, parameters = events_of_set("order.settled", actor=SYSTEM, subject_type="order", source="settled")
    if isinstance(order_ids, QuerySet):
        wanted, given = order_ids.order_by().query.sql_with_params()
        names = {f"wanted_{index}": value for index, value in enumerate(given)}
        wanted = f"* FROM ({wanted}) AS asked" % tuple(f"%({name})s" for name in names)
        expected = None
    else:
        wanted, names = "unnest(%(wanted)s::uuid[])", {"wanted": list(set(order_ids))}
        expected = len(names["wanted"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTLE.format(wanted=wanted, proof=proof), parameters | names)
        found, settled, wrong_state = cursor.fetchone()
        if expected is not None and found != expected:
            raise NotFound
        if wrong_state is not None:
            raise ORDER_MOVES.illegal(wrong_state, OrderState.SETTLED)
    return settled
