"""The life of a subscription: months, instalments, lateness, early ends."""

import datetime

import pytest
from django.conf import settings

from market.audit.models import AuditEvent
from market.billing import services
from market.billing.models import Period, Subscription
from market.billing.states import EndReason, Renewal, SubscriptionState
from market.catalog.states import ProductKind
from market.kernel.errors import Forbidden, IllegalTransition, NotFound
from market.ledger.states import AccountKind
from market.orders.states import OrderState
from market.settlement.services import reconcile
from tests import factories
from tests.billing.contracts import (
    START,
    accept,
    beat,
    charges,
    day,
    market_of_contracts,
    money,
    on,
    ordered,
    settle,
    states,
    subscribed,
)
from tests.orders.trades import buyer

pytestmark = pytest.mark.django_db


def events(order) -> list[str]:
    found = AuditEvent.objects.filter(subject_id=order.id, name__startswith="subscription.")
    return [name.partition(".")[2] for name in found.order_by("occurred_at", "id").values_list("name", flat=True)]


def wallet(market) -> int:
    return factories.balance(market.buyer, AccountKind.WALLET)


def test_a_prepaid_term_is_charged_month_by_month():
    market = market_of_contracts()
    subscription = subscribed(market, 33_333)
    order = subscription.order
    assert (subscription.starts_on, subscription.ends_before) == (START, day("2027-04-17"))
    assert states(subscription) == ["funded"] * 3
    assert charges(order) == [], "nothing is due before a month is over"
    beat("2027-02-16")
    assert charges(order) == []
    beat("2027-02-17")
    assert charges(order) == [("2027-01-17", 33_333, False)]
    assert money(order) == (99_999, 0, 33_333)
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    assert reconcile().is_clean
    beat("2027-04-17")
    assert [part for part, _amount, _final in charges(order)] == ["2027-01-17", "2027-02-17", "2027-03-17"]
    assert [final for _part, _amount, final in charges(order)] == [False, False, True]
    assert money(order) == (99_999, 0, 99_999)
    settle("2027-04-19")
    order.refresh_from_db()
    subscription.refresh_from_db()
    assert order.state == OrderState.SETTLED
    assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, EndReason.TERM_OVER)
    assert events(order) == ["began", *["month_charged"] * 3, "ended"]
    assert reconcile().is_clean


def test_an_exchange_that_stood_still_catches_up():
    market = market_of_contracts()
    subscription = subscribed(market)
    beat("2027-06-01")
    assert [final for _part, _amount, final in charges(subscription.order)] == [False, False, True]
    assert money(subscription.order) == (30_000, 0, 30_000)
    assert reconcile().is_clean


def test_what_does_not_divide_goes_to_the_first_months():
    market = market_of_contracts()
    tiers = {"tier_mode": "graduated", "tiers": [{"up_to": None, "unit_price": 333_334, "flat": 0}]}
    subscription = subscribed(market, 33, **tiers)
    assert subscription.amount == 100
    assert list(subscription.periods.order_by("number").values_list("amount", flat=True)) == [34, 33, 33]


def test_instalments_are_drawn_on_their_day():
    market = market_of_contracts()
    subscription = subscribed(market, is_instalment=True)
    order = subscription.order
    assert (order.amount, money(order)) == (10_000, (10_000, 0, 0))
    assert states(subscription) == ["funded", "planned", "planned"]
    beat("2027-02-16")
    assert states(subscription) == ["funded", "planned", "planned"]
    beat("2027-02-17")
    assert states(subscription) == ["charged", "funded", "planned"]
    assert money(order) == (20_000, 0, 10_000)
    assert reconcile().is_clean
    beat("2027-03-17")
    beat("2027-04-17")
    assert money(order) == (30_000, 0, 30_000)
    assert wallet(market) == 1_000_000 - 30_000
    settle("2027-04-19")
    order.refresh_from_db()
    assert order.state == OrderState.SETTLED
    assert reconcile().is_clean


def test_a_late_instalment_suspends_and_its_payment_resumes():
    market = market_of_contracts(funds=10_000)
    subscription = subscribed(market, is_instalment=True)
    order = subscription.order
    beat("2027-02-17")
    subscription.refresh_from_db()
    order.refresh_from_db()
    assert (subscription.state, order.suspended_at) == (SubscriptionState.PAST_DUE, None)
    assert order.payment_due_at == subscription.suspends_at
    grace = datetime.timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS)
    with on(day("2027-02-17")):
        factories.fund(market.buyer, 9_999)
    beat(day("2027-02-17") + grace)
    subscription.refresh_from_db()
    order.refresh_from_db()
    assert (subscription.state, order.payment_due_at) == (SubscriptionState.SUSPENDED, subscription.lapses_at)
    assert order.suspended_at is not None
    assert wallet(market) == 9_999, "nothing is drawn in part"
    with on("2027-02-25"):
        factories.fund(market.buyer, 1)
    beat("2027-02-25")
    subscription.refresh_from_db()
    order.refresh_from_db()
    assert (subscription.state, order.suspended_at, order.payment_due_at) == (SubscriptionState.RUNNING, None, None)
    assert states(subscription) == ["charged", "funded", "planned"]
    assert events(order) == ["began", "past_due", "month_charged", "suspended", "instalment_paid", "resumed_paying"]
    assert reconcile().is_clean


def test_what_is_never_paid_ends():
    market = market_of_contracts(funds=10_000)
    subscription = subscribed(market, is_instalment=True)
    order = subscription.order
    for date in ("2027-02-17", "2027-02-24", "2027-03-10"):
        beat(date)
    subscription.refresh_from_db()
    order.refresh_from_db()
    assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, EndReason.UNPAID)
    assert states(subscription) == ["charged", "dropped", "dropped"]
    assert charges(order) == [("2027-01-17", 10_000, False), ("end", 0, True)]
    assert (order.state, money(order)) == (OrderState.SETTLED, (10_000, 0, 10_000))
    with on("2027-03-11"):
        factories.fund(market.buyer, 50_000)
    beat("2027-04-20")
    assert money(order) == (10_000, 0, 10_000), "nothing is drawn for a contract that has ended"
    assert reconcile().is_clean


def test_a_dear_contract_does_not_stop_a_cheap_one():
    market = market_of_contracts(funds=35_000)
    dear = subscribed(market, 20_000, is_instalment=True)
    cheap = subscribed(market, 5_000, is_instalment=True)
    assert wallet(market) == 10_000
    beat("2027-02-17")
    dear.refresh_from_db()
    cheap.refresh_from_db()
    assert (dear.state, cheap.state) == (SubscriptionState.PAST_DUE, SubscriptionState.RUNNING)
    assert wallet(market) == 5_000


def test_a_trial_costs_nothing():
    market = market_of_contracts()
    subscription = subscribed(market, 20_000, trial_days=14)
    order = subscription.order
    assert (subscription.starts_on, subscription.ends_before) == (day("2027-01-31"), day("2027-04-30"))
    beat("2027-02-17")
    assert charges(order) == [], "the first month is not over"
    beat("2027-02-28")
    assert charges(order) == [("2027-01-31", 20_000, False)]


def test_a_trial_that_is_ended_returns_everything_at_once():
    market = market_of_contracts()
    subscription = subscribed(market, 20_000, trial_days=14)
    order = subscription.order
    with on("2027-01-30"):
        services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
    beat("2027-01-30")
    subscription.refresh_from_db()
    order.refresh_from_db()
    assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, EndReason.TRIAL)
    assert (money(order), wallet(market)) == ((60_000, 60_000, 0), 1_000_000)
    assert charges(order) == [("end", 0, True)]
    assert order.state == OrderState.SETTLED
    assert states(subscription) == ["dropped"] * 3
    assert reconcile().is_clean


def test_after_the_trial_nobody_ends_it_alone():
    market = market_of_contracts()
    subscription = subscribed(market, 20_000, trial_days=14, renewal_notice_days=30)
    with on("2027-01-31"):
        services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
    subscription.refresh_from_db()
    assert (subscription.state, subscription.renewal) == (SubscriptionState.RUNNING, Renewal.CANCELLED)
    assert money(subscription.order) == (60_000, 0, 0)


def test_an_agreed_end_returns_the_unused_days_of_a_prepaid_term():
    market = market_of_contracts()
    subscription = subscribed(market, 31_000)
    order = subscription.order
    beat("2027-02-17")
    with on("2027-03-01"):
        services.terminate_subscription(order_id=order.id, leaves_on=day("2027-03-03"))
    # From 17 February the month has 28 days; 14 are used.
    assert money(order) == (93_000, 31_000 + 15_500, 31_000), "what lies beyond the agreed day returns at once"
    subscription.refresh_from_db()
    assert (subscription.state, subscription.ends_before) == (SubscriptionState.RUNNING, day("2027-03-03"))
    beat("2027-03-03")
    settle("2027-03-05")
    subscription.refresh_from_db()
    order.refresh_from_db()
    assert (subscription.end_reason, order.state) == (EndReason.AGREEMENT, OrderState.SETTLED)
    assert charges(order) == [("2027-01-17", 31_000, False), ("2027-02-17", 15_500, True)]
    assert money(order) == (93_000, 46_500, 46_500)
    assert reconcile().is_clean


def test_an_agreed_end_today_is_carried_out_today():
    market = market_of_contracts()
    subscription = subscribed(market, 31_000)
    order = subscription.order
    with on("2027-02-17"):
        services.terminate_subscription(order_id=order.id, leaves_on=day("2027-02-17"))
        again = services.terminate_subscription(order_id=order.id, leaves_on=day("2027-02-17"))
    assert again.state == SubscriptionState.ENDED
    beat("2027-02-17")
    assert charges(order) == [("2027-01-17", 31_000, True)]
    assert money(order) == (93_000, 62_000, 31_000)
    assert reconcile().is_clean


def test_what_was_charged_is_never_taken_back():
    market = market_of_contracts()
    subscription = subscribed(market, 31_000)
    beat("2027-03-17")
    with on("2027-03-18"):
        services.terminate_subscription(order_id=subscription.order_id, leaves_on=day("2027-02-01"))
    beat("2027-03-18")
    subscription.refresh_from_db()
    assert (subscription.state, subscription.ends_before) == (SubscriptionState.ENDED, day("2027-03-17"))
    assert charges(subscription.order)[-1] == ("end", 0, True)
    assert money(subscription.order) == (93_000, 31_000, 62_000)
    assert reconcile().is_clean


def test_an_agreed_end_of_instalments_shortens_what_is_still_to_be_paid():
    market = market_of_contracts()
    subscription = subscribed(market, 31_000, is_instalment=True)
    order = subscription.order
    with on("2027-02-01"):
        services.terminate_subscription(order_id=order.id, leaves_on=day("2027-03-03"))
    assert money(order) == (31_000, 0, 0)
    beat("2027-02-17")
    assert money(order) == (46_500, 0, 31_000)
    beat("2027-03-03")
    assert money(order) == (46_500, 0, 46_500)
    settle("2027-03-05")
    order.refresh_from_db()
    assert order.state == OrderState.SETTLED
    assert reconcile().is_clean


def test_accepted_late_it_catches_up_from_its_first_day():
    market = market_of_contracts()
    order = ordered(market, is_instalment=True, acceptance_days=60)
    accept(market, order, "2027-03-01")
    subscription = Subscription.objects.get(order=order)
    beat("2027-03-01")
    assert states(subscription) == ["charged", "funded", "planned"]
    assert reconcile().is_clean


@pytest.mark.parametrize("kind", ProductKind.values)
def test_every_kind_of_product_is_sold_by_subscription(kind):
    market = market_of_contracts()
    product = factories.product(market.vendor, kind=kind)
    factories.revision(product, {"README.md": b"How to use it."})
    market.offer = factories.offer(product)
    subscription = subscribed(market)
    with on("2027-02-01"):
        assert subscription.order.entitlement.standing == "active"
    beat("2027-04-17")
    assert money(subscription.order) == (30_000, 0, 30_000)


def test_who_may_cancel():
    market = market_of_contracts()
    subscription = subscribed(market, renewal_notice_days=30)
    stranger = factories.member(factories.organization("buyer"), "purchaser")
    colleague = factories.member(market.buyer, "finance")
    refusals = [
        (factories.actor_of(stranger), NotFound),
        (factories.actor_of(colleague), Forbidden),
        (factories.actor_of(market.lister), Forbidden),
        (factories.actor_of(market.auditor), Forbidden),
    ]
    for actor, refusal in refusals:
        with pytest.raises(refusal):
            services.cancel_subscription(actor=actor, subscription_id=subscription.id)
        with pytest.raises(refusal):
            services.resume_subscription(actor=actor, subscription_id=subscription.id)
    subscription.refresh_from_db()
    assert subscription.renewal == Renewal.AUTOMATIC


def test_what_has_ended_stays_so():
    market = market_of_contracts()
    subscription = subscribed(market)
    beat("2027-04-17")
    before = list(Period.objects.values_list("state", "amount"))
    for act in (services.cancel_subscription, services.resume_subscription):
        with on("2027-04-18"), pytest.raises(IllegalTransition):
            act(actor=buyer(market), subscription_id=subscription.id)
    assert list(Period.objects.values_list("state", "amount")) == before
