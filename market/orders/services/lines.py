"""Partial acceptance: of orders that were placed together, some are accepted and others disputed, in one act."""

import dataclasses
import itertools
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from market.catalog.services.rules import Findings
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import BusinessError, NotFound
from market.kernel.locks import lock_in_order
from market.orders.errors import LinesRefused
from market.orders.models import Order
from market.orders.selectors import BUYING_ROLES
from market.orders.services.charging import due_at_acceptance
from market.orders.services.disputing import disputed, require_disputable
from market.orders.services.steps import REPLIED_WITH, evidence
from market.orders.services.words import objection
from market.orders.states import ORDER_MOVES, OrderState

MAX_LINES = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Objection:
    """One line that the buyer disputes, and why."""

    order_id: uuid.UUID
    reason: str
    text: str


def accept_lines(
    *,
    actor: Actor,
    group_id: uuid.UUID,
    accept: Sequence[uuid.UUID],
    dispute: Sequence[Objection],
    also_insert: Callable[[list[Order]], Model] | None = None,
) -> list[Order]:
    """Accept some lines of a group and dispute others; lines that are not named stay as they are.

    All or nothing, in a constant number of statements; returns the lines in the order in which they were named.

    Raises ``InvalidInput`` for a line named twice or an objection without words, ``NotFound`` when a line is not of the
    buyer's group, ``LinesRefused`` with a result a line when one is not delivered (any more), ``Forbidden``.
    """
    actor.require_role(*BUYING_ROLES)
    objections = _sound(accept, dispute)
    with transaction.atomic():
        lines = _locked(actor, group_id, [*accept, *objections])
        _require_open(lines, objections)
        accepted = [lines[order_id] for order_id in accept]
        objected = [lines[order_id] for order_id in objections]
        _move(accepted, OrderState.ACCEPTED, accepted_at=clock.now())
        _move(objected, OrderState.DISPUTED)
        insert_together(
            [evidence("order.accepted", actor, order, automatic=False) for order in accepted],
            itertools.chain.from_iterable(due_at_acceptance(order) for order in accepted),
            disputed(actor, [(order, *objections[order.id]) for order in objected]) if objected else None,
            also_insert([*accepted, *objected]) if also_insert else None,
        )
    return [*accepted, *objected]


def _sound(accept: Sequence[uuid.UUID], dispute: Sequence[Objection]) -> dict[uuid.UUID, tuple[str, str]]:
    """Order -> reason code and cleaned text. Raises ``InvalidInput``."""
    findings = Findings()
    seen: set[uuid.UUID] = set()
    named = [(f"/accept/{index}", order_id) for index, order_id in enumerate(accept)]
    named += [(f"/dispute/{index}/order", line.order_id) for index, line in enumerate(dispute)]
    if not 1 <= len(named) <= MAX_LINES:
        findings.errors["/accept"] = _("Name 1 to %(most)d lines.") % {"most": MAX_LINES}
    for pointer, order_id in named:
        if order_id in seen:
            findings.errors[pointer] = _("This line is named twice.")
        seen.add(order_id)
    objections = {
        line.order_id: (line.reason, objection(findings, f"/dispute/{index}", line.reason, line.text))
        for index, line in enumerate(dispute)
    }
    findings.raise_if_any()
    return objections


def _locked(actor: Actor, group_id: uuid.UUID, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Order]:
    own = Order.objects.filter(buyer_org=actor.organization_id, group_id=group_id, id__in=order_ids)
    lines = {order.id: order for order in lock_in_order(own.select_related(*REPLIED_WITH))}
    if len(lines) != len(order_ids):
        raise NotFound
    return lines


def _require_open(lines: dict[uuid.UUID, Order], objections: dict[uuid.UUID, Any]) -> None:
    """Raise ``LinesRefused``, with a result a line, unless every line can be accepted or disputed as wished."""
    refused = {
        order_id: refusal for order_id, order in lines.items() if (refusal := _refusal(order, order_id in objections))
    }
    if refused:
        results = [
            {"order": str(order_id), "wish": "dispute" if order_id in objections else "accept", "state": order.state}
            | ({"code": refused[order_id].code, "detail": str(refused[order_id])} if order_id in refused else {})
            for order_id, order in lines.items()
        ]
        raise LinesRefused(_("Leave out the lines that have a code, or do nothing about them."), results=results)


def _refusal(order: Order, is_objection: bool) -> BusinessError | None:
    try:
        if is_objection:
            require_disputable(order)
        elif order.state != OrderState.DELIVERED:
            raise ORDER_MOVES.illegal(order.state, OrderState.ACCEPTED)
    except BusinessError as refusal:
        return refusal
    return None


def _move(orders: list[Order], target: str, **changes: Any) -> None:
    """The locked orders, all of them delivered, to ``target``: in the database and on the instances."""
    Order.objects.filter(id__in=[order.id for order in orders], state=OrderState.DELIVERED).update(
        state=target, **changes
    )
    for order in orders:
        for name, value in {"state": target, **changes}.items():
            setattr(order, name, value)
