"""The life of a meter: it begins at acceptance, is topped up or stops, and ends with the contract."""

import datetime
import uuid
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.states import OrganizationState, Role
from market.audit.models import AuditEvent
from market.billing.closing import set_next_close
from market.billing.errors import MeterEnded, NotMetered
from market.billing.models import Meter
from market.billing.states import METER_MOVES, MeterState
from market.catalog.states import PriceModel
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput
from market.kernel.locks import lock_in_order
from market.kernel.money import MAX_AMOUNT
from market.ledger.selectors import organization_with_accounts
from market.ledger.services import posting
from market.orders import services as orders
from market.orders.limits import is_limited
from market.orders.locks import lock_order
from market.orders.models import Order
from market.orders.selectors import BUYING_ROLES, order_visible_to
from market.orders.services.steps import AlsoInsert, evidence, into_escrow, require_wallet
from market.orders.services.waiting import locked_balance
from market.orders.states import ORDER_MOVES, OrderState

LOW = 5
"""The buyer is warned when no more than a fifth of one prepayment is left: 80 % are used."""


def begin(*, order_id: uuid.UUID) -> Meter:
    """Let an accepted order of metered use begin to count. Asked again, it finds the meter there.

    Raises ``IllegalTransition`` unless the order is accepted, ``NotMetered``, ``NotFound``.
    """
    with transaction.atomic():
        order = lock_order(Order.objects.select_related("offer"), order_id)
        if order.offer.price_model != PriceModel.METERED:
            raise NotMetered
        known = Meter.objects.filter(order=order).first()
        if known is not None:
            return known
        if order.state != OrderState.ACCEPTED:
            raise ORDER_MOVES.illegal(order.state, OrderState.SETTLED)
        meter = _new(order)
        insert_together(meter, evidence("meter.began", SYSTEM, order, prepaid=meter.prepaid))
        orders.end_access(order_id=order.id, at=meter.ends_at)
    return meter


def _new(order: Order) -> Meter:
    """Use counts from the delivery, by which the buyer could use it; the months begin with the acceptance."""
    now = clock.now()
    meter = Meter(
        order=order,
        buyer_org_id=order.buyer_org_id,
        vendor_org_id=order.vendor_org_id,
        starts_at=order.delivered_at,
        free_until=clock.business_midnight(order.term_starts_on),
        ends_at=clock.business_midnight(order.term_ends_on),
        month=clock.business_date(now).replace(day=1),
        prepaid=order.amount,
        currency=order.currency,
        began_at=now,
    )
    set_next_close(meter)
    return meter


def lock_meter(order_id: uuid.UUID) -> Meter | None:
    """The order's meter with its order and offer, locked until the transaction ends; None when it has none."""
    return lock_in_order(with_order(Meter.objects.filter(order=order_id))).first()


def with_order(meters: QuerySet[Meter]) -> QuerySet[Meter]:
    """Meters with what their acts need to know of the order."""
    return meters.select_related("order__offer")


def lock_own_meter(actor: Actor, order_id: uuid.UUID, side: str) -> Meter:
    """The meter of an order on whose ``side`` (``buyer`` or ``vendor``) the actor stands, locked.

    Raises ``NotFound``, ``Forbidden`` for the other side, ``NotMetered``.
    """
    meter = lock_meter(order_id)
    if meter is None or getattr(meter, f"{side}_org_id") != actor.organization_id:
        order = order_visible_to(actor, order_id)
        if getattr(order, f"{side}_org_id") != actor.organization_id:
            raise Forbidden(_("This is for the order's other side."))
        raise NotMetered(_("Nothing is metered under this order, or it has not been accepted yet."))
    return meter


def save(meter: Meter, *names: str) -> None:
    """Write what an act has changed on a meter that it holds the lock of."""
    meter.save(update_fields=names)


def change_state(meter: Meter, target: str, **changes: Any) -> None:
    """Bring a locked meter to another state; written with the rest by ``save``."""
    METER_MOVES.require(meter.state, target)
    for name, value in {"state": target, **changes}.items():
        setattr(meter, name, value)


def top_up(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Meter:
    """The buyer pays ahead once more what the order paid ahead; use that was stopped goes on.

    Not a purchaser whom a spending limit holds: a top-up is no order that finance could be asked about.

    Raises ``InvalidInput`` beyond what one order may cost, ``InsufficientFunds``, ``MeterEnded``, ``NotMetered``,
    ``WalletMissing``, ``Forbidden``, ``NotFound``.
    """
    actor.require_role(*BUYING_ROLES)
    with posting(), transaction.atomic():
        meter = lock_own_meter(actor, order_id, "buyer")
        if meter.state == MeterState.ENDED:
            raise MeterEnded(_("The contract is over; order anew."))
        _require_may_top_up(actor, meter)
        buyer = organization_with_accounts(meter.buyer_org_id, meter.currency)
        require_wallet(buyer)
        rows = pay_ahead(actor, meter, buyer, 1)
        save(meter, *PAID_AHEAD)
        insert_together(*rows, also_insert(meter) if also_insert else None)
    return meter


def _require_may_top_up(actor: Actor, meter: Meter) -> None:
    if meter.prepaid + meter.order.amount > MAX_AMOUNT:
        raise InvalidInput(_("The order would cost more than one order may."))
    if actor.role == Role.PURCHASER and is_limited(actor):
        raise Forbidden(_("A spending limit holds for you. Ask an owner of your organisation to top up."))


PAID_AHEAD = ("state", "prepaid", "top_ups", "warned_at", "stopped_at")
"""What ``pay_ahead`` changes on a meter."""


def pay_ahead(actor: Actor, meter: Meter, buyer: Organization, times: int) -> list[Model]:
    """The unsaved rows of ``times`` prepayments more; changes the locked meter, which the caller saves."""
    order = meter.order
    numbers = range(meter.top_ups + 1, meter.top_ups + times + 1)
    moved = [into_escrow(order, buyer, part=number) for number in numbers]
    meter.top_ups += times
    meter.prepaid += times * order.amount
    meter.warned_at = None
    if meter.state == MeterState.STOPPED:
        change_state(meter, MeterState.RUNNING, stopped_at=None)
    proof = evidence(
        "meter.topped_up", actor, order, times=times, added=times * order.amount, automatic=actor is SYSTEM
    )
    return [*moved, proof]


def can_pay(meter: Meter, times: int) -> Organization | None:
    """The buyer with its accounts, when its wallet, locked by this, holds ``times`` prepayments more; else None."""
    buyer = organization_with_accounts(meter.buyer_org_id, meter.currency)
    if buyer.state != OrganizationState.VERIFIED or buyer.wallet_id is None or buyer.escrow_id is None:
        return None
    return buyer if locked_balance(buyer) >= times * meter.order.amount else None


def warn_if_low(meter: Meter, now: datetime.datetime) -> AuditEvent | None:
    """The unsaved evidence that the prepayment comes to its end, once per prepayment; sets ``warned_at``."""
    if meter.warned_at is not None or meter.left * LOW > meter.order.amount:
        return None
    meter.warned_at = now
    return evidence("meter.warned", SYSTEM, meter.order, left=meter.left, prepaid=meter.prepaid)


def end_early(*, order_id: uuid.UUID, ends_on: datetime.date) -> None:
    """Both sides agreed that use counts until before ``ends_on``, within the term.

    Agreements only ever bring the end forward, so asked again, or when use is over by then anyway (the buyer has left
    meanwhile), nothing changes. Raises ``NotMetered`` before the contract begins.
    """
    with transaction.atomic():
        meter = lock_meter(order_id)
        if meter is None:
            raise NotMetered
        ends_at = clock.business_midnight(min(ends_on, meter.order.term_ends_on))
        if meter.state == MeterState.ENDED or meter.ends_at <= ends_at:
            return
        meter.ends_at = ends_at
        set_next_close(meter)
        save(meter, "ends_at", "closes_at")
        insert_together(evidence("meter.end_agreed", SYSTEM, meter.order, ends_at=ends_at.isoformat()))
        orders.end_access(order_id=order_id, at=ends_at)
