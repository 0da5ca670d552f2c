"""Orders beyond the wallet's balance: kept without moving money, paid by deposits in order, void in the end."""

import datetime
import threading

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Organization
from accounts.states import OrganizationState
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.errors import IllegalTransition
from market.ledger import jobs as ledger_jobs
from market.ledger.errors import InsufficientFunds
from market.ledger.models import Transfer
from market.orders import jobs, services
from market.orders.errors import WalletMissing
from market.orders.models import Order
from market.orders.states import OrderState
from market.orders.tasks import wake_waiting
from market.outbox.models import Job
from market.outbox.services import perform
from market.settlement.services import reconcile
from tests import factories
from tests.concurrency.together import together
from tests.orders.trades import buyer, delivered, failed, money, place, post, wish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market() -> factories.Market:
    """A price of 100.00 yuan and an empty wallet."""
    return factories.market(funds=0)


def wait(market: factories.Market, **changes) -> Order:
    return place(market, wait_for_funds=True, **changes)


def deposit(market: factories.Market, amount: int) -> None:
    """Money comes in, and a worker does the job that the deposit recorded."""
    before = set(Job.objects.filter(kind=ledger_jobs.DEPOSITED).values_list("id", flat=True))
    factories.fund(market.buyer, amount)
    (job,) = Job.objects.filter(kind=ledger_jobs.DEPOSITED).exclude(id__in=before)
    assert job.subject_id == market.buyer.id
    perform(job.id)


def states(*orders: Order) -> list[str]:
    found = dict(Order.objects.values_list("id", "state"))
    return [found[order.id] for order in orders]


def acts(order: Order) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=order.id).order_by("id").values_list("name", flat=True))


def in_days(days: float):
    return clock.frozen_at(clock.now() + datetime.timedelta(days=days))


# --- Placing ----------------------------------------------------------------------------------------------------------


def test_an_order_beyond_the_balance_waits_and_moves_nothing(market):
    client = factories.api_client(market.purchaser)
    answer = post(client, "orders", wish(market, wait_for_funds=True))
    assert answer.status_code == 201, answer.data
    order = answer.json()
    assert (order["state"], order["acts"]) == ("awaiting_funds", ["cancel"])
    assert order["next_deadline"] == {"what": "funds", "at": order["funds_due_at"]}
    waits = datetime.datetime.fromisoformat(order["funds_due_at"]) - datetime.datetime.fromisoformat(order["placed_at"])
    assert waits == datetime.timedelta(days=7)
    assert not Transfer.objects.exists() and not Job.objects.filter(kind=jobs.DELIVER).exists()
    assert client.get(f"/api/v1/orders/{order['id']}").json()["money"]["held"] == 0
    proof = AuditEvent.objects.get(name="order.placed")
    assert (proof.payload["state"], proof.payload["terms_sha256"]) == ("awaiting_funds", order["terms_sha256"])
    assert reconcile().is_clean


@pytest.mark.parametrize("wanted", [{}, {"wait_for_funds": False}])
def test_without_the_word_it_is_refused_as_ever(market, wanted):
    answer = post(factories.api_client(market.purchaser), "orders", wish(market, **wanted))
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    assert not Order.objects.exists()


@pytest.mark.parametrize("word", ["true", 1, None])
def test_the_word_is_true_or_false(market, word):
    answer = post(factories.api_client(market.purchaser), "orders", wish(market, wait_for_funds=word))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/wait_for_funds")
    assert not Order.objects.exists()


def test_what_the_wallet_can_pay_is_paid_at_once(market):
    factories.fund(market.buyer, 10_000)
    order = wait(market)
    assert (order.state, order.funds_due_at, money(market)) == (OrderState.PAID, None, (0, 10_000))
    assert Job.objects.get(kind=jobs.DELIVER).key == f"{order.id}:1"


def test_a_free_order_never_waits(market):
    free = factories.offer(market.offer.product, 0)
    assert wait(market, offer_id=free.id).state == OrderState.PAID


def test_a_buyer_without_a_wallet_cannot_wait(market):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_account DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM ledger_account WHERE organization_id = %s", [market.buyer.id])
        cursor.execute("ALTER TABLE ledger_account ENABLE TRIGGER USER")
    with pytest.raises(WalletMissing):
        wait(market)
    assert not Order.objects.exists()


def test_waiting_without_a_deadline_is_refused_by_the_database(market):
    order = wait(market)
    with pytest.raises(IntegrityError, match="order_waiting_has_deadline"), transaction.atomic():
        values = Order.objects.filter(id=order.id).values().get()
        values |= {"id": market.buyer.id, "number": "x", "client_reference": "x", "funds_due_at": None}
        Order.objects.create(**values)


# --- A deposit --------------------------------------------------------------------------------------------------------


def test_a_deposit_pays_the_oldest_first_and_stops_at_the_first_that_does_not_fit(market):
    first, large, small = wait(market), wait(market, quantity=5), wait(market)
    deposit(market, 9_999)
    assert states(first, large, small) == ["awaiting_funds"] * 3
    deposit(market, 30_001)
    assert states(first, large, small) == ["paid", "awaiting_funds", "awaiting_funds"]
    assert money(market) == (30_000, 10_000)
    assert acts(first) == ["order.placed", "order.paid"]
    assert [job.key for job in Job.objects.filter(kind=jobs.DELIVER)] == [f"{first.id}:1"]
    assert reconcile().is_clean
    deposit(market, 30_000)
    assert states(large, small) == ["paid", "paid"] and money(market) == (0, 70_000)
    assert reconcile().is_clean


def test_the_paid_order_is_delivered_and_its_history_shows_the_money(market):
    order = wait(market)
    deposit(market, 10_000)
    services.mark_delivering(order_id=order.id)
    services.mark_delivered(order_id=order.id)
    client = factories.api_client(market.purchaser)
    shown = client.get(f"/api/v1/orders/{order.id}").json()
    assert shown["next_deadline"] == {"what": "acceptance", "at": shown["acceptance_due_at"]}
    moments = client.get(f"/api/v1/orders/{order.id}/timeline").json()["results"]
    assert [(moment["name"], moment["amount"]) for moment in moments if moment["name"] != "order.delivering"][:3] == [
        ("order.placed", None),
        ("order.paid", None),
        ("money.escrow", 10_000),
    ]


def test_more_orders_than_a_batch_are_paid_in_order(market, monkeypatch):
    monkeypatch.setattr(services.waiting, "BATCH", 2)
    orders = [wait(market) for _number in range(5)]
    deposit(market, 40_000)
    assert states(*orders) == ["paid"] * 4 + ["awaiting_funds"]


def test_another_buyers_deposit_pays_nothing(market):
    order = wait(market)
    factories.fund(factories.organization("buyer"), 10_000)
    for job in Job.objects.filter(kind=ledger_jobs.DEPOSITED):
        perform(job.id)
    assert states(order) == ["awaiting_funds"]


def test_a_suspended_vendor_is_passed_over_and_a_suspended_buyer_pays_nothing(market):
    theirs = factories.product(factories.organization("vendor"))
    factories.revision(theirs)
    passed_over, next_one = wait(market, offer_id=factories.offer(theirs).id), wait(market)
    Organization.objects.filter(id=theirs.vendor_org_id).update(state=OrganizationState.SUSPENDED)
    Organization.objects.filter(id=market.buyer.id).update(state=OrganizationState.SUSPENDED)
    deposit(market, 10_000)
    assert states(passed_over, next_one) == ["awaiting_funds"] * 2
    Organization.objects.filter(id=market.buyer.id).update(state=OrganizationState.VERIFIED)
    assert services.wake_waiting() == 1
    assert states(passed_over, next_one) == ["awaiting_funds", "paid"]


def test_money_that_comes_back_is_found_by_beat(market):
    factories.fund(market.buyer, 20_000)
    cancelled, broken, first, second = place(market), failed(market), wait(market), wait(market)
    services.cancel(actor=buyer(market), order_id=cancelled.id)
    wake_waiting()
    assert states(first, second) == ["paid", "awaiting_funds"]
    services.refund_failed(actor=buyer(market), order_id=broken.id)
    wake_waiting()
    assert states(first, second) == ["paid", "paid"]


# --- Ends -------------------------------------------------------------------------------------------------------------


def test_the_buyer_cancels_a_waiting_order_and_nothing_comes_back(market):
    order = wait(market)
    answer = post(factories.api_client(market.purchaser), f"orders/{order.id}/cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["next_deadline"]) == (200, "cancelled", None)
    assert AuditEvent.objects.get(name="order.cancelled").payload["returned"] == 0
    deposit(market, 10_000)
    assert states(order) == ["cancelled"] and money(market) == (10_000, 0)
    assert reconcile().is_clean


def test_an_order_that_waited_and_was_paid_is_cancelled_with_its_money(market):
    order = wait(market)
    deposit(market, 10_000)
    services.cancel(actor=buyer(market), order_id=order.id)
    assert money(market) == (10_000, 0)
    assert reconcile().is_clean


def test_the_vendor_cannot_cancel_or_accept_it(market):
    order = wait(market)
    vendor = factories.api_client(market.lister, scopes=["orders:read"])
    assert vendor.get(f"/api/v1/orders/{order.id}").json()["acts"] == []
    with pytest.raises(IllegalTransition):
        services.accept(actor=buyer(market), order_id=order.id)
    with pytest.raises(IllegalTransition):
        services.mark_delivering(order_id=order.id)
    assert states(order) == ["awaiting_funds"]


def test_it_expires_at_its_deadline_and_not_before(market, monkeypatch):
    monkeypatch.setattr(services.waiting, "BATCH", 2)
    orders = [wait(market) for _number in range(3)]
    with in_days(6.99):
        wake_waiting()
    assert states(*orders) == ["awaiting_funds"] * 3
    with in_days(7):
        assert services.expire_waiting() == 3
        assert services.expire_waiting() == 0
        deposit(market, 10_000)
    assert states(*orders) == ["expired"] * 3 and money(market) == (10_000, 0)
    assert acts(orders[0]) == ["order.placed", "order.expired"]
    assert reconcile().is_clean


def test_what_is_overdue_is_not_paid_even_before_beat_has_run(market):
    order = wait(market)
    with in_days(7):
        deposit(market, 10_000)
    assert states(order) == ["awaiting_funds"] and money(market) == (10_000, 0)


def test_other_deadlines_are_shown_too(market):
    factories.fund(market.buyer, 30_000)
    client = factories.api_client(market.purchaser)

    def deadline(order: Order) -> dict | None:
        return client.get(f"/api/v1/orders/{order.id}").json()["next_deadline"]

    assert deadline(place(market)) is None
    assert deadline(delivered(market))["what"] == "acceptance"
    assert deadline(failed(market))["what"] == "refund"


# --- At the same moment -----------------------------------------------------------------------------------------------


def test_without_the_lock_an_order_misses_the_deposit_it_waits_for(market, monkeypatch):
    """The guard off: the balance is read without a lock, and a deposit and its job run before the order commits."""
    read, deposited = threading.Event(), threading.Event()

    def unlocked(_buyer) -> int:
        balance = factories.balance(market.buyer, "wallet")
        if threading.current_thread() is not threading.main_thread() and not read.is_set():
            read.set()
            assert deposited.wait(timeout=30)
        return balance

    monkeypatch.setattr(services.waiting, "locked_balance", unlocked)

    def money_comes() -> None:
        assert read.wait(timeout=30)
        deposit(market, 10_000)
        deposited.set()

    order, done = together([lambda: wait(market), money_comes])
    assert done is None
    assert states(order) == ["awaiting_funds"] and money(market) == (10_000, 0)


def test_with_the_lock_every_order_is_paid_whenever_the_deposit_comes(market):
    for number in range(1, 9):
        order, done = together([lambda: wait(market), lambda: deposit(market, 10_000)])
        assert done is None and isinstance(order, Order), (order, done)
        assert states(order) == ["paid"] and money(market) == (0, number * 10_000)


def test_many_wakers_pay_each_order_once(market):
    orders = [wait(market) for _number in range(6)]
    factories.fund(market.buyer, 40_000)
    counts = together([lambda: services.pay_waiting(buyer_org_id=market.buyer.id)] * 6)
    assert sum(counts) == 4, counts
    assert states(*orders) == ["paid"] * 4 + ["awaiting_funds"] * 2
    assert money(market) == (0, 40_000) and reconcile().is_clean


def test_paying_against_cancelling_and_expiring():
    for number in range(6):
        market = factories.market(funds=0)
        order = wait(market)
        factories.fund(market.buyer, 10_000)

        def cancel(market=market, order=order):
            return services.cancel(actor=buyer(market), order_id=order.id)

        def expire():
            with in_days(8):
                return services.expire_waiting()

        def pay(market=market):
            return services.pay_waiting(buyer_org_id=market.buyer.id)

        results = together([pay, [cancel, expire][number % 2]])
        faults = [result for result in results if isinstance(result, Exception)]
        assert all(isinstance(fault, IllegalTransition) for fault in faults), results
        order.refresh_from_db()
        assert money(market) == ((0, 10_000) if order.state == OrderState.PAID else (10_000, 0))
    assert reconcile().is_clean


def test_plain_orders_still_race_for_the_last_money_by_the_ledger(market):
    factories.fund(market.buyer, 10_000)
    results = together([lambda: place(market), lambda: wait(market), lambda: place(market)])
    paid = [order for order in results if isinstance(order, Order) and order.state == OrderState.PAID]
    assert len(paid) == 1
    assert all(isinstance(result, Order | InsufficientFunds) for result in results), results
    assert money(market) == (0, 10_000)
