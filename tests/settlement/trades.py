"""Orders for settlement's tests, made as rows: what leads to an accepted order is tested where it happens."""

import datetime
import itertools
import uuid
from collections.abc import Sequence

from django.db import transaction

from accounts.models import Organization
from market.audit.services import event
from market.catalog.models import Offer
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import copy_together
from market.kernel.identifiers import short_code, uuid7
from market.ledger.models import Account
from market.ledger.services import transfer
from market.ledger.states import AccountKind, TransferKind
from market.orders.models import Charge, Order
from market.orders.services.charging import WHOLE, charge
from market.orders.states import OrderState
from market.settlement.models import FeeSchedule
from market.settlement.services import capture_many, create_fee_schedule
from tests import factories


def accepted_orders(
    market: factories.Market,
    amounts: Sequence[int],
    *,
    offer: Offer | None = None,
    state: str = OrderState.ACCEPTED,
    references: Sequence[str] = (),
) -> list[uuid.UUID]:
    """Orders of these amounts (fen) with their money in escrow, in this state; the buyer must have the money."""
    offer = offer or market.offer
    revision_id = offer.product.revisions.values_list("id", flat=True).get()
    wallet, escrow = (account_of(market.buyer, kind) for kind in (AccountKind.WALLET, AccountKind.ESCROW))
    made, charges, moved, proofs = [], [], [], []
    for amount, reference in itertools.zip_longest(amounts, references):
        order_id = uuid7()
        made.append(
            Order(
                id=order_id,
                number=f"T{short_code(order_id)}{len(made)}",
                buyer_org=market.buyer,
                vendor_org_id=offer.vendor_org_id,
                product_id=offer.product_id,
                offer=offer,
                revision_id=revision_id,
                placed_by=market.purchaser.user,
                quantity=1,
                amount=amount,
                purpose="test",
                client_reference=reference or str(order_id),
                terms_sha256="0" * 64,
                state=state,
                accepted_at=clock.now(),
            )
        )
        charges.append(charge(made[-1], part=WHOLE, amount=amount, is_final=True))
        if amount:
            moved.append(
                transfer(
                    debit=wallet.id,
                    credit=escrow.id,
                    amount=amount,
                    kind=TransferKind.ESCROW,
                    subject=("order", order_id),
                    business_key=f"order:{order_id}:escrow",
                )
            )
        proofs.append(event("order.placed", actor=SYSTEM, subject=("order", order_id), payload={"amount": amount}))
    with transaction.atomic():
        for rows in (made, charges, moved, proofs):
            copy_together(rows)
    return [order.id for order in made]


def capture_orders(order_ids: Sequence[uuid.UUID]) -> int:
    """Capture every charge of these orders, in the order given; returns how many were divided."""
    charges = dict(Charge.objects.filter(order__in=order_ids).values_list("order_id", "id"))
    return capture_many(charge_ids=[charges[order_id] for order_id in order_ids if order_id in charges])


def account_of(organization: Organization, kind: str) -> Account:
    return Account.objects.get(organization=organization, kind=kind)


def collected(organization: Organization, kind: str) -> int:
    """What an unguarded account has received, in fen."""
    account = account_of(organization, kind)
    return sum(account.credits.values_list("amount", flat=True)) - sum(account.debits.values_list("amount", flat=True))


def market_with_fees(commission_bps: int = 500, **fields) -> factories.Market:
    """The small market of the factories with a fee schedule that has been in force for long."""
    made = factories.market(**fields)
    begins = None if FeeSchedule.objects.exists() else datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    create_fee_schedule(actor=SYSTEM, commission_bps=commission_bps, effective_from=begins)
    return made
