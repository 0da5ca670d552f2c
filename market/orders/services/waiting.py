"""Orders that wait for money: kept at placement, paid when the wallet holds enough, void when it never does."""

import datetime
import itertools
import uuid

from django.conf import settings
from django.db import transaction

from accounts.models import Organization
from accounts.states import OrganizationState
from market.catalog.states import ProductState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.locks import lock_in_order
from market.kernel.money import CURRENCY
from market.ledger.models import Account
from market.ledger.selectors import organization_with_accounts
from market.ledger.services import posting
from market.orders.models import Order
from market.orders.services.steps import BATCH, evidence, first_delivery, into_escrow, require_wallet
from market.orders.states import OrderState

_DUE = {OrderState.AWAITING_FUNDS: "funds_due_at", OrderState.AWAITING_APPROVAL: "approval_due_at"}


def locked_balance(buyer: Organization) -> int:
    """What the wallet holds (fen), certain until the transaction ends.

    Wallet and escrow are locked in key order, as every posting does; so a deposit either came before and is counted, or
    comes after and finds the order that waits for it. Raises ``WalletMissing``.
    """
    require_wallet(buyer)
    accounts = lock_in_order(Account.objects.filter(id__in=[buyer.wallet_id, buyer.escrow_id]))
    return next(account.balance for account in accounts if account.id == buyer.wallet_id)


def keep_if_unpayable(order: Order, buyer: Organization) -> None:
    """Let an unsaved order wait for funds when the wallet holds too little now, or once it is approved.

    Raises ``WalletMissing``.
    """
    if order.state == OrderState.AWAITING_APPROVAL:
        order.funds_due_at = funds_due_at(order)
    elif order.amount and locked_balance(buyer) < order.amount:
        keep_unpaid(order)


def keep_unpaid(order: Order) -> None:
    """Let an unsaved order wait for funds."""
    order.state = OrderState.AWAITING_FUNDS
    order.funds_due_at = funds_due_at(order)


def funds_due_at(order: Order) -> datetime.datetime:
    """Until when an order waits for funds."""
    return order.placed_at + datetime.timedelta(days=settings.ORDER_FUNDS_DAYS)


def pay_waiting(*, buyer_org_id: uuid.UUID, currency: str = CURRENCY) -> int:
    """Pay the buyer's waiting orders, the oldest first, up to the first that does not fit; returns how many.

    Passed over until they can trade again: orders of a suspended vendor or product, and all of a suspended buyer. Their
    frozen terms hold until ``funds_due_at``, whatever became of the offer.
    """
    paid = 0
    while batch := _pay_batch(buyer_org_id, currency):
        paid += batch
    return paid


def _pay_batch(buyer_org_id: uuid.UUID, currency: str) -> int:
    with posting(), transaction.atomic():
        buyer = organization_with_accounts(buyer_org_id, currency)
        if buyer.state != OrganizationState.VERIFIED or buyer.wallet_id is None or buyer.escrow_id is None:
            return 0
        # Callers queue here, so the next one reads the orders after this one's end.
        balance = locked_balance(buyer)
        payable = _payable(buyer_org_id, currency, balance)
        Order.objects.filter(id__in=[order.id for order in payable], state=OrderState.AWAITING_FUNDS).update(
            state=OrderState.PAID
        )
        insert_together(
            [evidence("order.paid", SYSTEM, order, waited_for="funds") for order in payable],
            [into_escrow(order, buyer) for order in payable],
            [first_delivery(order) for order in payable],
        )
    return len(payable)


def _payable(buyer_org_id: uuid.UUID, currency: str, balance: int) -> list[Order]:
    """The oldest waiting orders that together cost no more than ``balance``, locked."""
    waiting = Order.objects.filter(
        buyer_org=buyer_org_id,
        currency=currency,
        state=OrderState.AWAITING_FUNDS,
        funds_due_at__gt=clock.now(),
        vendor_org__state=OrganizationState.VERIFIED,
        product__state=ProductState.LISTED,
    )
    # Keys are ordered by time: the oldest order has the lowest.
    orders = list(lock_in_order(waiting)[:BATCH])
    totals = itertools.accumulate(order.amount for order in orders)
    return [order for order, total in zip(orders, totals, strict=True) if total <= balance]


def wake_waiting() -> int:
    """Try every buyer who has waiting orders: money also comes back from cancelled and refunded ones."""
    waiting = Order.objects.filter(state=OrderState.AWAITING_FUNDS).order_by("buyer_org_id", "currency")
    found = waiting.values_list("buyer_org_id", "currency").distinct()
    return sum(pay_waiting(buyer_org_id=buyer_org_id, currency=currency) for buyer_org_id, currency in found)


def expire_waiting() -> int:
    """Void every order that waited in vain until its deadline; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds.
    """
    expired = 0
    for state, column in _DUE.items():
        while batch := _expire_batch(state, column):
            expired += batch
    return expired


def _expire_batch(state: OrderState, column: str) -> int:
    now = clock.now()
    with transaction.atomic():
        overdue = list(
            Order.objects.filter(state=state, **{f"{column}__lte": now})
            .order_by(column)
            .select_for_update(skip_locked=True, no_key=True)[:BATCH]
        )
        Order.objects.filter(id__in=[order.id for order in overdue], state=state).update(
            state=OrderState.EXPIRED, closed_at=now
        )
        insert_together([evidence("order.expired", SYSTEM, order, was=str(state)) for order in overdue])
    return len(overdue)
