"""Whole trades as rows, without the services that would make them: for tests of what is shown and exported."""

import datetime
import hashlib
from collections.abc import Iterable

from accounts.models import Organization, User
from market.audit.services import event
from market.catalog.models import Offer, Review, VendorProfile
from market.catalog.states import ReviewDecision
from market.delivery.models import Delivery, Entitlement, Receipt
from market.delivery.states import DeliveryState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.identifiers import short_code, uuid7
from market.kernel.money import share
from market.ledger.models import Account
from market.ledger.services import transfer
from market.ledger.states import AccountKind, TransferKind
from market.orders.models import Order, OrderTerms
from market.orders.states import OrderState
from market.outbox.models import Job
from market.settlement.models import BatchLine, Capture, FeeSchedule, Payout, SettlementBatch
from tests import factories

SETTLED = (OrderState.SETTLED,)


def an_order(market: factories.Market, **fields) -> Order:
    """An unsaved order of the market's offer; settled unless ``state`` says otherwise."""
    order_id = uuid7()
    now = clock.now()
    offer: Offer = fields.pop("offer", market.offer)
    state = fields.get("state", OrderState.SETTLED)
    defaults = {
        "number": f"QS{short_code(order_id)}",
        "buyer_org": market.buyer,
        "vendor_org_id": offer.vendor_org_id,
        "product_id": offer.product_id,
        "offer": offer,
        "revision": offer.product.revisions.first(),
        "placed_by": market.purchaser.user,
        "quantity": 1,
        "amount": offer.amount,
        "purpose": "Research",
        "client_reference": f"PO-{order_id}",
        "terms_sha256": hashlib.sha256(order_id.bytes).hexdigest(),
        "state": state,
        "placed_at": now,
    }
    if state in (OrderState.SETTLED, OrderState.DELIVERED, OrderState.ACCEPTED):
        defaults |= {"delivered_at": now, "acceptance_due_at": now + datetime.timedelta(days=7)}
    if state in (OrderState.SETTLED, OrderState.ACCEPTED):
        defaults |= {"accepted_at": now, "closed_at": now}
    return Order(id=order_id, **defaults | fields)


def schedule() -> FeeSchedule:
    """The fee schedule of all trades here: 5 % commission, 6 % VAT."""
    found = FeeSchedule.objects.order_by("version").first()
    return found or FeeSchedule.objects.create(version=1, commission_bps=500, effective_from=clock.now())


def account(organization: Organization, kind: str) -> Account:
    """The organisation's account, opened if need be."""
    return Account.objects.filter(organization=organization, kind=kind).first() or Account.objects.create(
        organization=organization, kind=kind, balance=0 if kind in ("wallet", "escrow", "payable") else None
    )


def capture_of(order: Order) -> Capture:
    """An unsaved division of the order's amount."""
    commission, vat = share(order.amount, 500), share(order.amount, 600)
    return Capture(
        order=order,
        vendor_org_id=order.vendor_org_id,
        schedule=schedule(),
        gross=order.amount,
        net=order.amount - commission - vat,
        commission=commission,
        vat=vat,
    )


def settle(orders: Iterable[Order]) -> None:
    """Insert settled orders of one vendor with all their money, one batch and its payout."""
    orders = list(orders)
    vendor = Organization.objects.get(id=orders[0].vendor_org_id)
    buyer = orders[0].buyer_org
    captures = [capture_of(order) for order in orders]
    sums = {name: sum(getattr(row, name) for row in captures) for name in ("gross", "net", "commission", "vat")}
    batch = SettlementBatch(vendor_org=vendor, cutoff=clock.now(), order_count=len(orders), **sums)
    payout = Payout(batch=batch, vendor_org=vendor, amount=sums["net"], reference=short_code(batch.id, 12))
    bank = Account.objects.filter(kind=AccountKind.BANK).first()
    insert_together(
        orders,
        captures,
        batch,
        [BatchLine(batch=batch, capture=row, vendor_org_id=vendor.id) for row in captures],
        payout,
        [
            event("order.settled", actor=SYSTEM, subject=("order", order.id), vendor_org_id=vendor.id)
            for order in orders
        ],
    )
    for order, row in zip(orders, captures, strict=True):
        legs = {
            TransferKind.ESCROW: (account(buyer, AccountKind.WALLET), account(buyer, AccountKind.ESCROW), order.amount),
            TransferKind.CAPTURE_NET: (
                account(buyer, AccountKind.ESCROW),
                account(vendor, AccountKind.PAYABLE),
                row.net,
            ),
            TransferKind.CAPTURE_COMMISSION: (
                account(buyer, AccountKind.ESCROW),
                account(vendor, AccountKind.COMMISSION),
                row.commission,
            ),
            TransferKind.CAPTURE_VAT: (account(buyer, AccountKind.ESCROW), account(vendor, AccountKind.VAT), row.vat),
        }
        for kind, (debit, credit, amount) in legs.items():
            move(kind, debit, credit, amount, ("order", order.id))
    move(TransferKind.PAYOUT, account(vendor, AccountKind.PAYABLE), bank, payout.amount, ("payout", payout.id))


def move(kind: str, debit: Account, credit: Account, amount: int, subject: tuple) -> None:
    """Post one transfer."""
    key = f"{subject[0]}:{subject[1]}:{kind}"
    insert_together(
        transfer(debit=debit.id, credit=credit.id, amount=amount, kind=kind, subject=subject, business_key=key)
    )


def whole_trade(market: factories.Market, reviewer: User | None = None) -> Order:
    """One settled order with a row in every table a trade leaves something in."""
    order = an_order(market)
    settle([order])
    document = '{"amount":10000}'
    terms = OrderTerms(order=order, document=document, sha256=hashlib.sha256(document.encode()).hexdigest())
    entitlement = Entitlement(
        order=order,
        buyer_org=market.buyer,
        vendor_org_id=order.vendor_org_id,
        product_id=order.product_id,
        revision=order.revision,
    )
    parties = {"buyer_org_id": market.buyer.id, "vendor_org_id": order.vendor_org_id}
    delivery = Delivery(
        order=order, number=1, job_id=uuid7(), state=DeliveryState.HANDED_OVER, finished_at=clock.now(), **parties
    )
    asset = order.revision.assets.first()
    receipt = Receipt(
        entitlement=entitlement,
        asset=asset,
        range_start=0,
        bytes_requested=asset.bytes,
        bytes_sent=asset.bytes,
        started_at=clock.now(),
        **parties,
    )
    review = Review(
        product_id=order.product_id,
        vendor_org_id=order.vendor_org_id,
        submitted_by=market.lister.user,
        decision=ReviewDecision.APPROVED,
        decided_by=reviewer or market.operator.user,
        decided_at=clock.now(),
    )
    profile = None
    if not VendorProfile.objects.filter(organization=market.vendor).exists():
        profile = VendorProfile(organization=market.vendor, sector="M")
    job = Job(kind="delivery.deliver", key=f"{order.id}:1", subject_id=order.id)
    insert_together(terms, entitlement, delivery, receipt, review, profile, job)
    factories.api_client(market.lister)
    return order
