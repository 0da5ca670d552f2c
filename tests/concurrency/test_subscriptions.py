"""Contracts that run, at the same moment by several: first a renewal run twice without its guard, then what holds."""

import datetime
import threading

import pytest

from market.billing import services, tasks
from market.billing.models import Subscription
from market.billing.states import EndReason, Renewal, SubscriptionState
from market.kernel.errors import BusinessError
from market.ledger.states import AccountKind
from market.orders import services as orders
from market.orders.errors import AlreadyRenewed
from market.orders.models import Charge, Order
from market.settlement.services import reconcile
from tests import factories
from tests.billing.contracts import day, market_of_contracts, money, on, subscribed, work
from tests.concurrency.guards import without_index
from tests.concurrency.together import together
from tests.orders.trades import buyer

pytestmark = pytest.mark.django_db(transaction=True)
END = day("2027-04-17")
RENEWED = {"renewal_notice_days": 30}
ROUNDS = 4


def on_day(when: datetime.date, call, *args, **kwargs):
    """The call as made on that day, in whatever thread."""

    def made():
        with on(when):
            return call(*args, **kwargs)

    return made


def wallet(market) -> int:
    return factories.balance(market.buyer, AccountKind.WALLET)


def renewals(subscription: Subscription) -> int:
    return Order.objects.filter(renews=subscription.order).count()


def over(market) -> Subscription:
    """A subscription whose term is over, all its months charged."""
    subscription = subscribed(market, **RENEWED)
    with on("2027-03-18"):
        services.give_notice()
    with on(END):
        services.charge_months()
        work()
    return subscription


def test_without_the_link_being_unique_a_renewal_run_twice_is_paid_twice():
    market = market_of_contracts()
    subscription = over(market)
    meeting = threading.Barrier(2)

    def naive():
        """Look whether it was renewed, think, renew."""
        is_renewed = Order.objects.filter(renews=subscription.order).exists()
        meeting.wait(timeout=30)
        if not is_renewed:
            orders.renew(order=subscription.order)

    repair = (
        "ALTER TABLE orders_order DISABLE TRIGGER USER; UPDATE orders_order SET renews_id = NULL;"
        "ALTER TABLE orders_order ENABLE TRIGGER USER"
    )
    with without_index("orders_order_renews_id_key", repair):
        assert together([on_day(END, naive)] * 2) == [None, None]
        assert renewals(subscription) == 2
        assert wallet(market) == 1_000_000 - 3 * 30_000, "one term, and two renewals of it"


def test_the_database_refuses_the_second_renewal():
    market = market_of_contracts()
    subscription = over(market)
    results = together([on_day(END, orders.renew, order=subscription.order)] * 3)
    refused = [result for result in results if isinstance(result, AlreadyRenewed)]
    assert (len(refused), renewals(subscription)) == (2, 1), results
    assert wallet(market) == 1_000_000 - 2 * 30_000


def test_of_two_that_end_a_term_one_renews():
    market = market_of_contracts()
    for _round in range(ROUNDS):
        subscription = over(market)
        results = together([on_day(END, services.end_term, subscription_id=subscription.id)] * 3)
        assert sorted(results) == [False, False, True]
        assert renewals(subscription) == 1
    assert reconcile().is_clean


def test_cancelled_at_the_last_moment_it_is_renewed_or_not_and_both_know():
    market = market_of_contracts()
    outcomes = set()
    for number in range(2 * ROUNDS):
        subscription = over(market)
        cancel = on_day(END, services.cancel_subscription, actor=buyer(market), subscription_id=subscription.id)
        end = on_day(END, services.end_term, subscription_id=subscription.id)
        results = together([cancel, end] if number % 2 else [end, cancel])
        with on(END):
            services.end_term(subscription_id=subscription.id)
        subscription.refresh_from_db()
        was_refused = any(isinstance(result, BusinessError) for result in results)
        assert subscription.state == SubscriptionState.ENDED
        assert was_refused == (renewals(subscription) == 1) == (subscription.end_reason == EndReason.RENEWED)
        assert (subscription.renewal == Renewal.CANCELLED) == (not was_refused)
        outcomes.add(was_refused)
    assert reconcile().is_clean


def test_several_beats_draw_and_charge_each_month_once():
    market = market_of_contracts(funds=1_000_000)
    made = [subscribed(market, is_instalment=True, **(RENEWED if number % 2 else {})) for number in range(6)]
    for when in ("2027-02-17", "2027-03-17", "2027-03-18", "2027-04-17"):
        results = together([on_day(day(when), tasks.run_subscriptions)] * 4)
        assert results == [None] * 4
        with on(when):
            tasks.run_subscriptions()
            work()
    for subscription in made:
        assert money(subscription.order) == (30_000, 0, 30_000)
        assert Charge.objects.filter(order=subscription.order).count() == 3
    assert Order.objects.filter(renews__isnull=False).count() == 3
    assert wallet(market) == 1_000_000 - 6 * 30_000 - 3 * 10_000
    assert reconcile().is_clean


def test_the_last_fen_is_drawn_once():
    market = market_of_contracts(funds=70_000)
    first, second = (subscribed(market, 30_000, is_instalment=True) for _number in range(2))
    assert wallet(market) == 10_000
    factories.fund(market.buyer, 20_000)
    together([on_day(day("2027-02-17"), services.collect_due)] * 4)
    for subscription in (first, second):
        subscription.refresh_from_db()
    assert {first.state, second.state} == {SubscriptionState.RUNNING, SubscriptionState.PAST_DUE}
    assert wallet(market) == 0
    assert reconcile().is_clean


def test_an_early_end_against_the_charge_of_the_month():
    market = market_of_contracts(funds=2_000_000)
    for number in range(2 * ROUNDS):
        subscription = subscribed(market, 31_000)
        leave = on_day(
            day("2027-02-17"),
            services.terminate_subscription,
            order_id=subscription.order_id,
            leaves_on=day("2027-02-17"),
        )
        charge = on_day(day("2027-02-17"), services.charge_months)
        results = together([leave, charge] if number % 2 else [charge, leave])
        assert not [result for result in results if isinstance(result, Exception)], results
        with on("2027-02-17"):
            tasks.run_subscriptions()
            work()
        assert money(subscription.order) == (93_000, 62_000, 31_000)
        assert Charge.objects.filter(order=subscription.order, is_final=True).count() == 1
        assert set(subscription.periods.values_list("state", flat=True)) == {"charged", "dropped"}
    assert reconcile().is_clean


def test_an_instalment_paid_against_the_end_of_patience():
    """Who pays at the very end has either paid for the month and has it, or has kept the money."""
    market = market_of_contracts(funds=10_000)
    subscription = subscribed(market, is_instalment=True)
    for when in ("2027-02-17", "2027-02-24"):
        with on(when):
            tasks.run_subscriptions()
            work()
    factories.fund(market.buyer, 10_000)
    patience_ends = day("2027-03-10")
    together([on_day(patience_ends, services.collect_due), on_day(patience_ends, services.end_lapsed)])
    with on(patience_ends):
        tasks.run_subscriptions()
        work()
    subscription.refresh_from_db()
    paid = subscription.periods.get(number=2).state != "dropped"
    assert wallet(market) == (0 if paid else 10_000)
    assert (subscription.state == SubscriptionState.ENDED) == (not paid)
    assert reconcile().is_clean
