"""The life of an order through its services: states, money, evidence and work asked for."""

import dataclasses
import datetime
import hashlib
import json
import uuid

import pytest
from django.test import override_settings

from accounts import services as accounts
from accounts.errors import OrganizationNotTrading
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.catalog.errors import OfferNotOrderable
from market.catalog.models import Offer, Product, Revision
from market.catalog.states import OfferState, ProductState, RevisionState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.ledger.errors import InsufficientFunds
from market.ledger.models import Transfer
from market.orders import jobs, services
from market.orders.errors import ClientReferenceTaken, OwnOffer, WalletMissing
from market.orders.models import Order, OrderTerms
from market.orders.states import OrderState
from market.outbox.models import Job
from settings.celery import app as celery_app
from settings.celery import load_rooms
from tests import factories
from tests.orders.trades import buyer, delivered, failed, money, operator, place

pytestmark = pytest.mark.django_db


def everything() -> list[int]:
    return [model.objects.count() for model in (Order, OrderTerms, Transfer, AuditEvent, Job)]


def acts(order: Order) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=order.id).order_by("id").values_list("name", flat=True))


# --- Placing ----------------------------------------------------------------------------------------------------------


def test_placing_freezes_terms_moves_money_leaves_evidence_and_asks_for_delivery():
    market = factories.market()
    order = place(market, quantity=3)
    stored = Order.objects.get(id=order.id)
    assert (stored.state, stored.amount, stored.number) == (OrderState.PAID, 30_000, order.number)
    assert money(market) == (70_000, 30_000)
    assert Job.objects.get(kind=jobs.DELIVER).key == f"{order.id}:1"
    proof = AuditEvent.objects.get(name="order.placed")
    assert (proof.subject_id, proof.buyer_org_id, proof.vendor_org_id) == (order.id, market.buyer.id, market.vendor.id)
    assert proof.payload["amount"] == 30_000
    assert proof.payload["terms_sha256"] == stored.terms_sha256


def test_terms_say_everything_and_are_what_was_hashed():
    market = factories.market()
    factories.revision(market.offer.product, {"b.csv": b"b", "a/b.csv": b"ab", "数.csv": "数".encode()})
    order = place(market, purpose="研究用途")
    terms = OrderTerms.objects.get(order=order)
    assert hashlib.sha256(terms.document.encode()).hexdigest() == terms.sha256 == order.terms_sha256
    document = json.loads(terms.document)
    assert document["buyer"] == {
        "id": str(market.buyer.id),
        "name": market.buyer.name,
        "uscc": market.buyer.uscc,
    }
    assert document["vendor"]["uscc"] == market.vendor.uscc
    assert document["order"]["purpose"] == "研究用途"
    assert document["offer"]["licence"] == market.offer.licence
    assert document["revision"]["number"] == 2
    # What `sha256sum` prints for the files, in byte order of their names.
    lines = "".join(
        f"{asset.sha256}  {asset.path}\n"
        for asset in sorted(order.revision.assets.all(), key=lambda asset: asset.path.encode())
    )
    assert document["revision"]["manifest_sha256"] == hashlib.sha256(lines.encode()).hexdigest()


def test_the_same_terms_are_the_same_bytes():
    market = factories.market()
    document = OrderTerms.objects.get(order=place(market)).document
    parsed = json.loads(document)
    # RFC 8785 for what stands in terms (no fractions, no exotic names): sorted, no spaces, UTF-8 as it is.
    assert document == json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_a_free_offer_moves_no_money():
    market = factories.market(price=0, funds=0)
    order = place(market)
    assert (order.amount, order.state) == (0, OrderState.PAID)
    assert not Transfer.objects.exists()
    services.cancel(actor=buyer(market), order_id=order.id)
    assert not Transfer.objects.exists()


def test_an_offer_for_one_buyer_is_orderable_by_that_buyer():
    market = factories.market()
    private = factories.offer(market.offer.product, 500, buyer_org=market.buyer)
    assert place(market, offer_id=private.id).amount == 500


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, 10**20])
def test_a_quantity_out_of_range_is_refused(quantity):
    market = factories.market()
    before = everything()
    with pytest.raises(InvalidInput) as refusal:
        place(market, quantity=quantity)
    assert list(refusal.value.errors) == ["/quantity"]
    assert everything() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", " "),
        ("purpose", "x" * 1001),
        ("purpose", "nul\x00"),
        ("purpose", "lone \ud800"),
        ("client_reference", ""),
        ("client_reference", "x" * 65),
        ("client_reference", "two\nlines"),
    ],
)
def test_a_text_that_cannot_stand_in_a_contract_is_refused(field, value):
    market = factories.market()
    with pytest.raises(InvalidInput) as refusal:
        place(market, **{field: value})
    assert list(refusal.value.errors) == [f"/{field}"]


def test_an_amount_past_the_largest_is_refused():
    market = factories.market()
    dear = factories.offer(market.offer.product, 10**12)
    with pytest.raises(InvalidInput) as refusal:
        place(market, offer_id=dear.id, quantity=1001)
    assert list(refusal.value.errors) == ["/quantity"]


def _withdraw(market):
    Offer.objects.filter(id=market.offer.id).update(state=OfferState.WITHDRAWN)


def _suspend_product(market):
    Product.objects.filter(id=market.offer.product_id).update(state=ProductState.SUSPENDED)


def _never_listed(market):
    Product.objects.filter(id=market.offer.product_id).update(state=ProductState.DRAFT)


def _revoke_revision(market):
    Revision.objects.filter(product=market.offer.product_id).update(
        state=RevisionState.REVOKED, revoked_at=clock.now(), revocation_reason="wrong rows"
    )


def _suspend(organization):
    state = OrganizationState.SUSPENDED
    accounts.change_organization_state(actor=SYSTEM, organization_id=organization.id, state=state, reason="inquiry")


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (_withdraw, OfferNotOrderable),
        (_suspend_product, OfferNotOrderable),
        (_revoke_revision, OfferNotOrderable),
        (_never_listed, NotFound),
        (lambda market: _suspend(market.vendor), OrganizationNotTrading),
        (lambda market: _suspend(market.buyer), OrganizationNotTrading),
    ],
)
def test_what_is_not_for_sale_cannot_be_ordered(spoil, refusal):
    market = factories.market()
    spoil(market)
    before = everything()
    with pytest.raises(refusal):
        place(market)
    assert everything() == before
    assert money(market) == (100_000, 0)


def test_another_buyers_offer_and_an_unknown_one_look_the_same():
    market = factories.market()
    other = factories.organization(Capacity.BUYER)
    private = factories.offer(market.offer.product, 500, buyer_org=other)
    for offer_id in (private.id, uuid.uuid4()):
        with pytest.raises(NotFound):
            place(market, offer_id=offer_id)


def test_nobody_buys_from_themselves():
    market = factories.market()
    both = factories.organization(Capacity.BUYER, Capacity.VENDOR)
    product = factories.product(both)
    factories.revision(product)
    own = factories.offer(product)
    with pytest.raises(OwnOffer):
        place(market, actor=factories.actor_of(factories.member(both, Role.OWNER)), offer_id=own.id)


def test_only_buying_roles_of_a_buyer_place_orders():
    market = factories.market()
    for role in (Role.LISTER, Role.FINANCE, Role.AUDITOR, Role.OPERATOR):
        with pytest.raises(Forbidden):
            place(market, actor=dataclasses.replace(buyer(market), role=role))
    with pytest.raises(Forbidden):
        place(market, actor=factories.actor_of(factories.member(market.vendor, Role.OWNER)))
    with pytest.raises(Forbidden):
        place(market, actor=SYSTEM)
    assert not Order.objects.exists()


def test_a_buyer_without_accounts_is_told_so():
    market = factories.market()
    poor = factories.organization(Capacity.REGULATOR)
    type(poor).objects.filter(id=poor.id).update(capacities=[Capacity.BUYER])
    poor.refresh_from_db()
    with pytest.raises(WalletMissing):
        place(market, actor=factories.actor_of(factories.member(poor, Role.PURCHASER)))


def test_too_little_money_changes_nothing_and_says_what_is_missing():
    market = factories.market(funds=25_000)
    before = everything()
    with pytest.raises(InsufficientFunds) as refusal:
        place(market, quantity=3)
    assert refusal.value.extra == {"needed": 30_000, "available": 25_000}
    assert "300.00" in str(refusal.value) and "250.00" in str(refusal.value)
    assert everything() == before
    assert money(market) == (25_000, 0)


def test_a_client_reference_is_used_once_for_ever_but_by_each_buyer():
    market = factories.market()
    first = place(market, client_reference="PO-7")
    services.cancel(actor=buyer(market), order_id=first.id)
    before = everything()
    with pytest.raises(ClientReferenceTaken):
        place(market, client_reference="PO-7")
    assert everything() == before
    other = factories.organization(Capacity.BUYER)
    factories.fund(other, 10_000)
    place(market, actor=factories.actor_of(factories.member(other, Role.PURCHASER)), client_reference="PO-7")


# --- Ends before capture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [False, True])
def test_cancelling_returns_the_money(begun):
    market = factories.market()
    order = place(market, quantity=2)
    if begun:
        services.mark_delivering(order_id=order.id)
    services.cancel(actor=buyer(market), order_id=order.id)
    order.refresh_from_db()
    assert order.state == OrderState.CANCELLED and order.closed_at
    assert money(market) == (100_000, 0)
    assert AuditEvent.objects.get(name="order.cancelled").payload["returned"] == 20_000


def test_what_is_delivered_or_ended_cannot_be_cancelled():
    market = factories.market()
    done = delivered(market)
    before = everything()
    with pytest.raises(IllegalTransition) as refusal:
        services.cancel(actor=buyer(market), order_id=done.id)
    assert refusal.value.extra["state"] == "delivered"
    assert refusal.value.extra["legal_moves"] == ["accepted", "disputed"]
    cancelled = services.cancel(actor=buyer(market), order_id=place(market).id)
    with pytest.raises(IllegalTransition):
        services.cancel(actor=buyer(market), order_id=cancelled.id)
    assert money(market) == (90_000, 10_000)
    assert everything()[2] == before[2] + 2  # one into escrow, one back: not twice


def test_a_failed_order_is_refunded_by_buyer_or_operator():
    market = factories.market()
    for actor in (buyer(market), operator(market)):
        order = failed(market)
        assert order.refund_due_at and order.failure_reason
        services.refund_failed(actor=actor, order_id=order.id)
        order.refresh_from_db()
        assert order.state == OrderState.REFUNDED
        assert money(market) == (100_000, 0)
        with pytest.raises(IllegalTransition):
            services.refund_failed(actor=actor, order_id=order.id)
    assert money(market) == (100_000, 0)


def test_only_a_failed_order_is_refunded():
    market = factories.market()
    for order in (place(market), delivered(market)):
        with pytest.raises(IllegalTransition):
            services.refund_failed(actor=operator(market), order_id=order.id)
    assert money(market) == (80_000, 20_000)


@override_settings(ORDER_FAILED_REFUND_DAYS=2)
def test_failed_orders_are_refunded_by_themselves_when_their_grace_is_over():
    market = factories.market()
    order = failed(market)
    with clock.frozen_at(clock.now() + datetime.timedelta(days=2, seconds=-5)):
        assert services.refund_overdue_failures() == 0
    with clock.frozen_at(clock.now() + datetime.timedelta(days=2, seconds=5)):
        assert services.refund_overdue_failures() == 1
        assert services.refund_overdue_failures() == 0
    order.refresh_from_db()
    assert order.state == OrderState.REFUNDED
    assert money(market) == (100_000, 0)
    assert AuditEvent.objects.get(name="order.refunded").payload["automatic"] is True


# --- Delivery ---------------------------------------------------------------------------------------------------------


def test_delivery_starts_the_acceptance_period_of_the_offer():
    market = factories.market()
    longer = factories.offer(market.offer.product, 10, acceptance_days=30)
    order = delivered(market, offer_id=longer.id)
    order.refresh_from_db()
    assert order.state == OrderState.DELIVERED
    assert order.acceptance_due_at - order.delivered_at == datetime.timedelta(days=30)
    assert acts(order) == ["order.placed", "order.delivering", "order.delivered"]


def test_delivery_may_begin_twice_but_not_after_a_cancellation():
    market = factories.market()
    order = place(market)
    services.mark_delivering(order_id=order.id)
    services.mark_delivering(order_id=order.id)
    assert acts(order) == ["order.placed", "order.delivering"]
    services.cancel(actor=buyer(market), order_id=order.id)
    with pytest.raises(IllegalTransition):
        services.mark_delivering(order_id=order.id)
    with pytest.raises(IllegalTransition):
        services.mark_delivered(order_id=order.id)
    assert services.mark_delivery_failed(order_id=order.id, reason="late").state == OrderState.CANCELLED
    assert money(market) == (100_000, 0)


def test_a_job_that_died_before_it_began_fails_the_order():
    market = factories.market()
    order = place(market)
    assert services.mark_delivery_failed(order_id=order.id, reason="killed").state == OrderState.DELIVERY_FAILED


def test_an_operator_sends_a_failed_order_back_under_a_new_job():
    market = factories.market()
    order = failed(market)
    for stranger in (buyer(market), factories.actor_of(market.lister), factories.actor_of(market.auditor)):
        with pytest.raises(Forbidden):
            services.retry_delivery(actor=stranger, order_id=order.id)
    services.retry_delivery(actor=operator(market), order_id=order.id)
    order.refresh_from_db()
    assert (order.state, order.refund_due_at, order.failure_reason) == (OrderState.DELIVERING, None, "")
    assert set(Job.objects.filter(subject_id=order.id).values_list("key", flat=True)) == {
        f"{order.id}:1",
        f"{order.id}:2",
    }
    with pytest.raises(IllegalTransition):
        services.retry_delivery(actor=operator(market), order_id=order.id)
    with pytest.raises(IllegalTransition):
        services.retry_delivery(actor=operator(market), order_id=place(market).id)


# --- Acceptance and the end -------------------------------------------------------------------------------------------


def test_accepting_asks_for_capture_and_leaves_the_money_in_escrow():
    market = factories.market()
    order = delivered(market)
    services.accept(actor=buyer(market), order_id=order.id)
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED and order.accepted_at
    charge = order.charges.get()
    assert (charge.part, charge.amount, charge.is_final) == ("whole", 10_000, True)
    assert Job.objects.get(kind=jobs.CAPTURE).key == str(charge.id)
    assert money(market) == (90_000, 10_000)
    with pytest.raises(IllegalTransition):
        services.accept(actor=buyer(market), order_id=order.id)
    assert Job.objects.filter(kind=jobs.CAPTURE).count() == 1


def test_only_the_buyer_accepts_or_cancels():
    market = factories.market()
    order = delivered(market)
    both = [services.accept, services.cancel]
    for act in both:
        with pytest.raises(Forbidden):
            act(actor=factories.actor_of(factories.member(market.vendor, Role.OWNER)), order_id=order.id)
        with pytest.raises(Forbidden):
            act(actor=factories.actor_of(factories.member(market.buyer, Role.FINANCE)), order_id=order.id)
        stranger = factories.organization(Capacity.BUYER)
        with pytest.raises(NotFound):
            act(actor=factories.actor_of(factories.member(stranger, Role.OWNER)), order_id=order.id)
    order.refresh_from_db()
    assert order.state == OrderState.DELIVERED


def test_what_is_not_accepted_in_time_accepts_itself_once():
    market = factories.market()
    overdue = [delivered(market) for _number in range(3)]
    place(market)
    later = clock.now() + datetime.timedelta(days=7, minutes=1)
    assert services.accept_overdue() == 0
    with clock.frozen_at(later):
        assert services.accept_overdue() == 3
        assert services.accept_overdue() == 0
    assert Job.objects.filter(kind=jobs.CAPTURE).count() == 3
    for order in overdue:
        assert acts(order)[-1] == "order.accepted"
    assert AuditEvent.objects.filter(name="order.accepted", payload__automatic=True).count() == 3


def test_more_overdue_orders_than_one_batch(monkeypatch):
    monkeypatch.setattr(services.accepting, "BATCH", 2)
    market = factories.market()
    for _number in range(5):
        delivered(market)
    with clock.frozen_at(clock.now() + datetime.timedelta(days=8)):
        assert services.accept_overdue() == 5


def test_settling_closes_accepted_orders_all_or_none():
    market = factories.market()
    orders = [services.accept(actor=buyer(market), order_id=delivered(market).id) for _number in range(2)]
    unfinished = delivered(market)
    with pytest.raises(IllegalTransition):
        services.mark_settled(order_ids=[*(order.id for order in orders), unfinished.id])
    with pytest.raises(NotFound):
        services.mark_settled(order_ids=[orders[0].id, uuid.uuid4()])
    assert Order.objects.filter(state=OrderState.ACCEPTED).count() == 2
    assert services.mark_settled(order_ids=[order.id for order in orders]) == 2
    assert Order.objects.filter(state=OrderState.SETTLED, closed_at__isnull=False).count() == 2
    assert AuditEvent.objects.filter(name="order.settled").count() == 2


def test_beat_knows_what_happens_by_itself():
    load_rooms()
    for name in ("orders.accept_overdue", "orders.refund_overdue_failures"):
        entry = celery_app.conf.beat_schedule[name]
        assert entry["schedule"] <= 300
        celery_app.tasks[entry["task"]]()
