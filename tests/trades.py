"""Whole trades through the services, for tests of what is shown and exported."""

import datetime
import hashlib

from accounts import services as accounts
from accounts.states import Role
from market.banking import services as banking
from market.banking.models import OnlinePayment, PaymentIntent
from market.banking.selectors import exchange_account
from market.banking.states import OnlineDoubt, OnlineState
from market.billing import services as billing
from market.billing.models import Period, Statement, Subscription
from market.billing.states import Renewal
from market.catalog.models import Offer, PurposeApproval, Review, VendorProfile
from market.catalog.states import ReviewDecision
from market.delivery.models import Delivery, Entitlement, Receipt
from market.delivery.states import DeliveryState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.identifiers import short_code, uuid7
from market.ledger.models import Account
from market.ledger.services import propose_adjustment
from market.ledger.states import AccountKind
from market.negotiation import services as negotiation
from market.orders import services as orders
from market.orders.models import Dispute, DisputeEvidence, Order
from market.orders.states import DisputeReason, DisputeState, EvidenceKind, Verdict
from market.settlement import services as settlement
from market.settlement.models import DayClose, FeeSchedule, PayoutStop, ReconciliationReport
from tests import factories
from tests.banking.messages import Entry, message
from tests.documents import invoicing


def place(market: factories.Market, reference: str = "", offer: Offer | None = None) -> Order:
    """An order paid into escrow."""
    return orders.place(
        actor=factories.actor_of(market.purchaser),
        offer_id=(offer or market.offer).id,
        quantity=1,
        purpose="Research",
        client_reference=reference or f"PO-{uuid7()}",
        also_insert=None,
    )


def deliver(order: Order) -> None:
    """Hand it over without any file."""
    orders.mark_delivering(order_id=order.id)
    orders.mark_delivered(order_id=order.id)


def accept(market: factories.Market, order: Order) -> None:
    """Deliver and accept it, and divide its money."""
    if not FeeSchedule.objects.exists():
        FeeSchedule.objects.create(
            version=1, commission_bps=500, effective_from=clock.now() - datetime.timedelta(days=365)
        )
    deliver(order)
    orders.accept(actor=factories.actor_of(market.purchaser), order_id=order.id)
    settlement.capture_many(charge_ids=order.charges.values_list("id", flat=True))


def settle(market: factories.Market, *placed: Order) -> None:
    """Accept the orders two days ago, and settle them today."""
    with clock.frozen_at(clock.now() - datetime.timedelta(days=2)):
        for order in placed:
            accept(market, order)
    settlement.run_settlement(actor=SYSTEM, cutoff=clock.business_midnight(clock.business_date()))


def decided_dispute(order: Order) -> list[Dispute | DisputeEvidence]:
    """The unsaved rows of a dispute that ended for the vendor."""
    dispute = Dispute(
        order=order,
        buyer_org_id=order.buyer_org_id,
        vendor_org_id=order.vendor_org_id,
        state=DisputeState.DECIDED,
        reason=DisputeReason.INCOMPLETE,
        text="March is missing.",
        amount=order.amount,
        answer_due_at=clock.now(),
        decision_due_at=clock.now(),
        verdict=Verdict.ACCEPT,
        refund_amount=0,
        grounds="March is there.",
        decided_at=clock.now(),
    )
    known = DisputeEvidence(
        dispute=dispute,
        vendor_org_id=order.vendor_org_id,
        kind=EvidenceKind.CONTRACT,
        document="{}",
        sha256=hashlib.sha256(b"{}").hexdigest(),
    )
    return [dispute, known]


def online_payment(market: factories.Market) -> list[PaymentIntent | OnlinePayment]:
    """The unsaved rows of a payment that was started, and of one that waits for a decision."""
    intent = PaymentIntent(
        provider="stripe",
        reference=f"QSP20261123{short_code(uuid7(), 13)}",
        buyer_org=market.buyer,
        amount=5_000,
        expires_at=clock.now() + datetime.timedelta(hours=1),
        started_by=market.purchaser.user,
    )
    payment = OnlinePayment(
        provider="stripe",
        transaction_id=f"pi_{short_code(intent.id)}",
        reference=intent.reference,
        amount=4_000,
        currency="CNY",
        intent=intent,
        state=OnlineState.WAITING,
        doubt=OnlineDoubt.AMOUNT,
    )
    return [intent, payment]


def closed_yesterday(market: factories.Market) -> None:
    """The rows that a close of day with drift leaves, once in a database; its stop is lifted again."""
    day = clock.business_date() - datetime.timedelta(days=1)
    if DayClose.objects.filter(day=day).exists():
        return
    report = ReconciliationReport(at=clock.now(), seconds=1, looked_at=1, drifted=1, findings=[])
    stop = PayoutStop(
        report=report,
        explanation="A test.",
        explained_by=market.operator.user,
        explained_at=clock.now(),
        lift_reason="A test.",
        lifted_by=market.auditor.user,
        lifted_at=clock.now(),
    )
    insert_together(report, DayClose(day=day, report=report), stop)


def whole_trade(market: factories.Market) -> Order:
    """One settled order with a row in every table a trade leaves something in."""
    with clock.frozen_at(clock.now() - datetime.timedelta(days=3)):
        order = place(market)
    settle(market, order)
    order.refresh_from_db()
    parties = {"buyer_org_id": market.buyer.id, "vendor_org_id": order.vendor_org_id}
    entitlement = Entitlement(order=order, product_id=order.product_id, revision=order.revision, **parties)
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
        decided_by=market.operator.user,
        decided_at=clock.now(),
    )
    approval = PurposeApproval(
        product_id=order.product_id,
        vendor_org_id=order.vendor_org_id,
        buyer_org=market.buyer,
        purpose="Research",
        requested_by=market.purchaser.user,
        expires_at=clock.now() + datetime.timedelta(days=10),
    )
    profile = None
    if not VendorProfile.objects.filter(organization=market.vendor).exists():
        profile = VendorProfile(organization=market.vendor, sector="M")
    today = clock.business_date()
    subscription = Subscription(
        order=order,
        starts_on=today,
        ends_before=today + datetime.timedelta(days=31),
        amount=order.amount,
        is_instalment=False,
        renewal=Renewal.NEVER,
        **parties,
    )
    period = Period(
        subscription=subscription,
        number=1,
        due_on=today,
        starts_on=today,
        ends_before=subscription.ends_before,
        amount=order.amount,
    )
    insert_together(entitlement, delivery, receipt, review, approval, profile, subscription, period)
    insert_together(decided_dispute(order))
    closed_yesterday(market)
    settlement.refund_captured(
        actor=factories.actor_of(market.operator), order_id=order.id, amount=100, reference="R-1", reason="A test."
    )
    payable, commission = (
        Account.objects.get(organization=market.vendor, kind=kind)
        for kind in (AccountKind.PAYABLE, AccountKind.COMMISSION)
    )
    propose_adjustment(
        actor=factories.actor_of(market.operator),
        debit_id=commission.id,
        credit_id=payable.id,
        amount=1,
        reason="A test.",
    )
    buyer = factories.actor_of(market.purchaser)
    negotiation.ask(actor=buyer, product_id=order.product_id, purpose="Research", message="A price for ten?")
    vendor = factories.actor_of(market.lister)
    orders.propose_amendment(actor=vendor, order_id=order.id, licence="Internal use, subsidiaries included.")
    invoicing.issued_for(market, order.id)
    factories.api_client(market.lister)
    owner = factories.actor_of(factories.member(market.vendor, Role.OWNER))
    accounts.propose_bank_account(
        actor=owner, bank_account="6222021234567890987", bank_code="102100099996", reason="We have changed banks."
    )
    insert_together(online_payment(market))
    banking.make_payment_file(actor=SYSTEM, cutoff=clock.business_midnight(clock.business_date()))
    banking.import_statement(actor=SYSTEM, file=message([Entry(5_000, "Invoice 17")], account=exchange_account()))
    return order


def metered_month(market: factories.Market) -> Statement:
    """The closed month of a metered contract that goes on."""
    offer = factories.offer(
        market.offer.product,
        1_000,
        price_model="metered",
        months=12,
        unit="call",
        unit_price=10_000,
        at_prepaid_end="stop",
    )
    moment = clock.now() - datetime.timedelta(days=40)
    with clock.frozen_at(moment):
        order = place(market, offer=offer)
        deliver(order)
        orders.accept(actor=factories.actor_of(market.purchaser), order_id=order.id)
        billing.begin_meter(order_id=order.id)
        used = {"id": "r-1", "units": 100, "used_at": moment.isoformat()}
        billing.record_usage(actor=factories.actor_of(market.lister), order_id=order.id, records=[used])
    billing.close_due()
    return Statement.objects.filter(order=order).earliest("month")
