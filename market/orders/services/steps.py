"""What several acts on an order have in common."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.states import Capacity
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import move_instance
from market.kernel.errors import Forbidden
from market.ledger.models import Transfer
from market.ledger.selectors import transfers_by_key
from market.ledger.services import reversal, transfer
from market.ledger.states import TransferKind
from market.orders import jobs
from market.orders.errors import WalletMissing
from market.orders.locks import lock_order
from market.orders.models import Order
from market.orders.selectors import BUYING_ROLES, bare_orders_visible_to
from market.orders.states import ORDER_MOVES
from market.outbox.models import Job
from market.outbox.services import announce, draft

AlsoInsert = Callable[[Order], Model] | None
"""Makes one more row from the changed order, inserted in the act's own statement (an idempotent reply)."""

REPLIED_WITH = ("buyer_org", "vendor_org", "product", "revision", "offer")
"""What a reply about an order reads besides it."""

BATCH = 500
"""Orders a periodic act takes in one transaction."""


def lock_to_act(actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None, *read: str) -> Order:
    """A visible order, locked, with what the act ``read`` of it, or a reply when there is one.

    Raises ``NotFound``.
    """
    orders, joined = bare_orders_visible_to(actor), REPLIED_WITH if also_insert else read
    return lock_order(orders.select_related(*joined) if joined else orders, order_id)


def lock_for_buyer(actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None, *read: str) -> Order:
    """``lock_to_act`` for an act that only the order's buyer may do. Raises ``NotFound`` or ``Forbidden``."""
    actor.require_role(*BUYING_ROLES)
    order = lock_to_act(actor, order_id, also_insert, *read)
    if actor is not SYSTEM and order.buyer_org_id != actor.organization_id:
        raise Forbidden(_("Only the buyer may do this."))
    return order


def require_operator(actor: Actor) -> None:
    """Raise ``Forbidden`` for anybody but an operator of the exchange."""
    actor.require_role("operator")
    actor.require_capacity(Capacity.OPERATOR)


def move(order: Order, target: str, **changes: Any) -> None:
    """Compare-and-set in the database, and the same on the instance. Raises ``IllegalTransition``."""
    move_instance(order, ORDER_MOVES, target, **changes)


def evidence(name: str, actor: Actor, order: Order, **payload: Any) -> AuditEvent:
    """The audit event of an act on ``order``: both parties and the amount (fen) are always in it."""
    return event(
        name,
        actor=actor,
        subject=("order", order.id),
        on_behalf_of=order.buyer_org_id,
        buyer_org_id=order.buyer_org_id,
        vendor_org_id=order.vendor_org_id,
        payload={"number": order.number, "amount": order.amount, "currency": order.currency, **payload},
    )


def escrow_key(order_id: uuid.UUID, part: int | None = None) -> str:
    """The business key of the order's way into escrow, or of a later ``part`` of its money."""
    return f"order:{order_id}:escrow" if part is None else f"order:{order_id}:escrow:{part}"


def release_key(order_id: uuid.UUID, part: str | None = None) -> str:
    """The business key of the whole order's way back to the wallet, or of one ``part`` of its money."""
    return f"order:{order_id}:release" if part is None else f"order:{order_id}:release:{part}"


def require_wallet(buyer: Organization) -> None:
    """Raise ``WalletMissing`` unless the buyer, from ``organization_with_accounts``, can pay into escrow."""
    if buyer.wallet_id is None or buyer.escrow_id is None:
        raise WalletMissing(_("Ask the operator to open your accounts."))


def into_escrow(
    order: Order, buyer: Organization, amount: int | None = None, part: int | None = None
) -> Transfer | None:
    """The unsaved transfer of the order's price from wallet to escrow, or of ``amount`` fen for a later ``part`` of it.

    None when that is nothing. Raises ``WalletMissing``.
    """
    amount = order.amount if amount is None else amount
    if not amount:
        return None
    require_wallet(buyer)
    return transfer(
        debit=buyer.wallet_id,
        credit=buyer.escrow_id,
        amount=amount,
        currency=order.currency,
        kind=TransferKind.ESCROW,
        subject=("order", order.id),
        business_key=escrow_key(order.id, part),
    )


def first_delivery(order: Order) -> Job:
    """The unsaved job that hands a paid order over, for the open transaction, whose commit announces it."""
    made = unannounced_delivery(order)
    announce([made])
    return made


def unannounced_delivery(order: Order) -> Job:
    """``first_delivery`` for who announces it after the insert."""
    return draft(jobs.DELIVER, key=f"{order.id}:1", subject_id=order.id)


def money_back(orders: Iterable[Order]) -> list[Transfer]:
    """The unsaved transfers that return these orders' escrow to the wallets it came from; free orders have none.

    The business key is the same for a cancellation and a refund: the money goes back once.
    """
    keys = [escrow_key(order.id) for order in orders]
    return [
        reversal(paid, kind=TransferKind.RELEASE, business_key=release_key(paid.subject_id))
        for paid in transfers_by_key(keys)
    ]
