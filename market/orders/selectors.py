"""Reads of orders, scoped by who asks."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from django.db.models import BigIntegerField, Count, Q, QuerySet, Sum

from accounts.selectors import sees_everything
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.selectors import events_of
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.ledger.models import Transfer
from market.ledger.selectors import sums_by_kind, transfers_of
from market.ledger.states import TransferKind
from market.orders.models import Amendment, Dispute, Order, OrderTerms
from market.orders.states import AMENDABLE, ORDER_MOVES, AmendmentState, ContractSide, DisputeState, OrderState

BUYING_ROLES = (Role.OWNER, Role.PURCHASER)
APPROVING_ROLES = (Role.OWNER, Role.FINANCE)
ANSWERING_ROLES = (Role.OWNER, Role.LISTER)

SHOWN_WITH = ("buyer_org", "vendor_org", "product", "revision", "offer", "dispute")
"""What a line about an order shows besides the order."""


def orders_visible_to(actor: Actor) -> QuerySet[Order]:
    """Orders with all that a line about them shows: a buyer's purchases, a vendor's sales, everything for auditors."""
    return bare_orders_visible_to(actor).select_related(*SHOWN_WITH)


def bare_orders_visible_to(actor: Actor) -> QuerySet[Order]:
    """The same orders and nothing else, for an act that locks one: each table joined to it makes that longer."""
    if sees_everything(actor):
        return Order.objects.all()
    return Order.objects.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org=actor.organization_id))


def orders_listed_for(actor: Actor, side: str | None = None) -> QuerySet[Order]:
    """What a list of orders begins with: ``side`` is ``purchases``, ``sales``, or None for whatever the actor may see.

    An organisation that only buys, or only sells, is asked about that side alone: an index then answers in the list's
    order. With "buyer or vendor" PostgreSQL reads every newer order of the exchange to find an organisation's few.
    """
    trades = actor.capacities & {Capacity.BUYER, Capacity.VENDOR}
    if side is None and len(trades) == 1 and not sees_everything(actor):
        side = "purchases" if Capacity.BUYER in trades else "sales"
    if side is None:
        return orders_visible_to(actor)
    party = "buyer_org" if side == "purchases" else "vendor_org"
    return Order.objects.select_related(*SHOWN_WITH).filter(**{party: actor.organization_id})


def filter_orders(
    orders: QuerySet[Order],
    *,
    state: str | None = None,
    buyer: uuid.UUID | None = None,
    vendor: uuid.UUID | None = None,
    product: uuid.UUID | None = None,
    client_reference: str | None = None,
    placed_from: datetime.date | None = None,
    placed_until: datetime.date | None = None,
) -> QuerySet[Order]:
    """Narrow a list; the dates are business days in Asia/Shanghai, both included."""
    if state:
        orders = orders.filter(state=state)
    if buyer:
        orders = orders.filter(buyer_org=buyer)
    if vendor:
        orders = orders.filter(vendor_org=vendor)
    if product:
        orders = orders.filter(product=product)
    if client_reference:
        orders = orders.filter(client_reference=client_reference)
    if placed_from:
        orders = orders.filter(placed_at__gte=clock.business_midnight(placed_from))
    if placed_until:
        orders = orders.filter(placed_at__lt=clock.business_midnight(placed_until + datetime.timedelta(days=1)))
    return orders


def order_visible_to(actor: Actor, order_id: uuid.UUID) -> Order:
    """One order. Raises ``NotFound`` also for other organisations' orders."""
    order = orders_visible_to(actor).filter(id=order_id).first()
    if order is None:
        raise NotFound
    return order


def group_visible_to(actor: Actor, group_id: uuid.UUID) -> QuerySet[Order]:
    """The lines of a group that the actor may see. Raises ``NotFound`` when there is none; one query."""
    lines = orders_visible_to(actor).filter(group_id=group_id)
    if not lines.exists():
        raise NotFound
    return lines


def group_totals(lines: QuerySet[Order]) -> list[dict[str, Any]]:
    """How many of these lines are in which state, and their amounts (fen) by currency; one query."""
    found = lines.order_by("state", "currency").values("state", "currency")
    return list(found.annotate(lines=Count("id"), amount=Sum("amount", output_field=BigIntegerField())))


def order_by_reference(actor: Actor, client_reference: str) -> Order | None:
    """The order that the actor's organisation placed under its own reference."""
    return Order.objects.filter(buyer_org=actor.organization_id, client_reference=client_reference).first()


def terms_of(actor: Actor, order_id: uuid.UUID, version: int | None = None) -> OrderTerms:
    """The terms of a visible order: those in force, or an earlier ``version``. Raises ``NotFound``."""
    visible = orders_visible_to(actor).filter(id=order_id)
    versions = OrderTerms.objects.filter(order__in=visible.values("id"))
    if version is not None:
        versions = versions.filter(version=version)
    terms = versions.order_by("-version").first()
    if terms is None:
        raise NotFound
    return terms


def versions_of(actor: Actor, order_id: uuid.UUID) -> list[OrderTerms]:
    """Every version of a visible order's terms, the first first. Raises ``NotFound``."""
    visible = orders_visible_to(actor).filter(id=order_id)
    versions = list(OrderTerms.objects.filter(order__in=visible.values("id")).order_by("version"))
    if not versions:
        raise NotFound
    return versions


def is_running(order: Order) -> bool:
    """Whether the accepted order goes on, charged part by part, because its offer has a term or a meter.

    ``order.offer`` should be loaded.
    """
    return order.offer.months > 0


def is_over(order: Order) -> bool:
    """Whether the buyer's right under a contract that ran has ended, although its last money may still be on its way:
    the term is over, or it was left, was never paid or ended within the trial."""
    return order.access_until is not None and order.access_until <= clock.now()


def speaks_for(actor: Actor, order: Order) -> ContractSide | None:
    """The side of the contract that the actor may commit; None for its other members and for third parties."""
    if order.buyer_org_id == actor.organization_id and actor.role in BUYING_ROLES:
        return ContractSide.BUYER
    if order.vendor_org_id == actor.organization_id and actor.role in ANSWERING_ROLES:
        return ContractSide.VENDOR
    return None


def amendable(order: Order) -> list[str]:
    """What of the order's contract both sides may change now; ``order.offer`` should be loaded."""
    if is_running(order) and (order.state == OrderState.SETTLED or is_over(order)):
        return []
    names = [name for name, states in AMENDABLE.items() if order.state in states]
    return [name for name in names if name != "ends_on" or is_running(order)]


def amendments_visible_to(actor: Actor) -> QuerySet[Amendment]:
    """Amendments with order and terms: those of a buyer's purchases and a vendor's sales, all for auditors."""
    amendments = Amendment.objects.select_related("terms", *(f"order__{name}" for name in SHOWN_WITH))
    if sees_everything(actor):
        return amendments
    return amendments.filter(Q(buyer_org_id=actor.organization_id) | Q(vendor_org_id=actor.organization_id))


def amendment_visible_to(actor: Actor, amendment_id: uuid.UUID) -> Amendment:
    """One amendment. Raises ``NotFound`` also for other organisations' contracts."""
    amendment = amendments_visible_to(actor).filter(id=amendment_id).first()
    if amendment is None:
        raise NotFound
    return amendment


def acts_on_amendment(actor: Actor, amendment: Amendment) -> list[str]:
    """What the actor may do with a proposal now: ``confirm`` and ``decline`` the other side's, ``withdraw`` its own."""
    side = speaks_for(actor, amendment.order)
    if side is None or amendment.state != AmendmentState.PROPOSED or amendment.due_at <= clock.now():
        return []
    return ["withdraw"] if side == amendment.side else ["confirm", "decline"]


def acts_open_to(actor: Actor, order: Order) -> list[str]:
    """What the actor may do with the order now: the names of acts such as ``cancel`` or ``accept``."""
    is_buyer = order.buyer_org_id == actor.organization_id and actor.role in BUYING_ROLES
    is_operator = Capacity.OPERATOR in actor.capacities and actor.role == Role.OPERATOR
    is_vendor = order.vendor_org_id == actor.organization_id and actor.role in ANSWERING_ROLES
    dispute = order.dispute.state if order.state == OrderState.DISPUTED else None
    waits_for_actor = (
        order.state == OrderState.AWAITING_APPROVAL
        and order.buyer_org_id == actor.organization_id
        and order.placed_by_id != actor.user_id
        and actor.role in APPROVING_ROLES
    )
    acts = {
        "approve": waits_for_actor,
        "decline": waits_for_actor,
        "cancel": is_buyer and OrderState.CANCELLED in ORDER_MOVES.legal_moves(order.state),
        "accept": is_buyer and order.state == OrderState.DELIVERED,
        "dispute": is_buyer and order.state == OrderState.DELIVERED and clock.now() < order.acceptance_due_at,
        "answer_dispute": is_vendor
        and dispute == DisputeState.AWAITING_ANSWER
        and clock.now() < order.dispute.answer_due_at,
        "decide_dispute": is_operator and dispute == DisputeState.AWAITING_DECISION,
        "refund": (is_buyer or is_operator) and order.state == OrderState.DELIVERY_FAILED,
        "retry_delivery": is_operator and order.state == OrderState.DELIVERY_FAILED,
        "amend": speaks_for(actor, order) is not None and order.amendment_due_at is None and bool(amendable(order)),
    }
    return [name for name, is_open in acts.items() if is_open]


_DEADLINES = {
    OrderState.AWAITING_APPROVAL: ("approval", "approval_due_at"),
    OrderState.AWAITING_FUNDS: ("funds", "funds_due_at"),
    OrderState.DELIVERED: ("acceptance", "acceptance_due_at"),
    OrderState.DELIVERY_FAILED: ("refund", "refund_due_at"),
}


def next_deadline(order: Order) -> dict[str, Any] | None:
    """What happens by itself next and when, as ``what`` and ``at``; None when nothing does."""
    found = [_deadline_of_state(order)]
    if order.amendment_due_at is not None:
        found.append({"what": "amendment", "at": order.amendment_due_at})
    return min((deadline for deadline in found if deadline), key=lambda deadline: deadline["at"], default=None)


def _deadline_of_state(order: Order) -> dict[str, Any] | None:
    if order.state == OrderState.ACCEPTED and order.access_until is not None:
        what, column = ("payment", "payment_due_at") if order.payment_due_at else ("term_end", "access_until")
        if what == "term_end" and is_over(order):
            return None  # it was ended early, and only its last statement is missing
    elif order.state in _DEADLINES:
        what, column = _DEADLINES[order.state]
    elif order.state == OrderState.DISPUTED:
        return _deadline_of_dispute(order.dispute)
    else:
        return None
    return {"what": what, "at": getattr(order, column)}


def _deadline_of_dispute(dispute: Dispute) -> dict[str, Any] | None:
    if dispute.state == DisputeState.AWAITING_ANSWER:
        return {"what": "answer", "at": dispute.answer_due_at}
    return {"what": "decision", "at": dispute.decision_due_at} if dispute.escalated_at is None else None


def money_of(order: Order) -> dict[str, Any]:
    """Where the order's money is (fen): put into escrow, returned, captured, refunded after that, and still held."""
    sums = sums_by_kind(order.id)
    escrowed, returned = sums.get(TransferKind.ESCROW, 0), sums.get(TransferKind.RELEASE, 0)
    parts = (TransferKind.CAPTURE_NET, TransferKind.CAPTURE_COMMISSION, TransferKind.CAPTURE_VAT)
    captured = sum(sums.get(part, 0) for part in parts)
    back = (
        TransferKind.REFUND_NET,
        TransferKind.REFUND_COMMISSION,
        TransferKind.REFUND_VAT,
        TransferKind.REFUND_ADVANCE,
    )
    return {
        "escrowed": escrowed,
        "returned": returned,
        "captured": captured,
        "refunded": sum(sums.get(part, 0) for part in back),
        "held": escrowed - returned - captured,
        "currency": order.currency,
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """One line of an order's history: an act, or a movement of money (``amount`` in fen)."""

    at: datetime.datetime
    name: str
    party: str
    role: str
    actor: str | None
    details: dict[str, Any]
    amount: int | None = None
    currency: str | None = None
    debit: str | None = None
    credit: str | None = None


def dispute_of(actor: Actor, order_id: uuid.UUID) -> Dispute:
    """The dispute about a visible order, with the order. Raises ``NotFound`` also when nobody disputed it."""
    visible = orders_visible_to(actor).filter(id=order_id)
    found = Dispute.objects.filter(order__in=visible.values("id")).select_related("order").first()
    if found is None:
        raise NotFound
    return found


def timeline(actor: Actor, order: Order) -> list[Moment]:
    """Everything that happened to an order, oldest first, from the evidence and the ledger; two queries.

    People are named to their own organisation and to auditors; the other side sees party and role only.
    """
    sees_all = sees_everything(actor)
    acts = _acts(actor, order, events_of(order.id), sees_all)
    movements = _movements(transfers_of([order.id]).select_related("debit_account", "credit_account"))
    return sorted([*acts, *movements], key=lambda moment: moment.at)


def _acts(actor: Actor, order: Order, events: QuerySet[AuditEvent], sees_all: bool) -> Iterator[Moment]:
    parties = {order.buyer_org_id: "buyer", order.vendor_org_id: "vendor"}
    for event in events:
        may_name = sees_all or event.actor_org_id in (None, actor.organization_id)
        yield Moment(
            at=event.occurred_at,
            name=event.name,
            party=parties.get(event.actor_org_id, "exchange"),
            role=event.actor_role,
            actor=event.actor_label if may_name else None,
            details=event.payload,
        )


def _movements(transfers: QuerySet[Transfer]) -> Iterator[Moment]:
    for transfer in transfers:
        yield Moment(
            at=transfer.posted_at,
            name=f"money.{transfer.kind}",
            party="exchange",
            role="",
            actor=None,
            details={"transfer": str(transfer.id)},
            amount=transfer.amount,
            currency=transfer.currency,
            debit=transfer.debit_account.kind,
            credit=transfer.credit_account.kind,
        )
