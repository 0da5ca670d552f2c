"""What both sides agree on changes the contract that runs: its money is what the amended terms say."""

import datetime
import json

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.billing.models import Subscription
from market.billing.states import Renewal, SubscriptionState
from market.kernel.errors import BusinessError
from market.orders import services as orders
from market.orders.models import Amendment, Order
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
    subscribed,
    work,
)
from tests.orders.trades import buyer

pytestmark = pytest.mark.django_db


def agree(market: factories.Market, order: Order, when: datetime.date | str, **changes) -> Amendment:
    """The buyer proposes, the vendor confirms, and the exchange does what follows."""
    with on(when):
        amendment = orders.propose_amendment(actor=buyer(market), order_id=order.id, **changes)
        orders.confirm_amendment(actor=factories.actor_of(market.lister), amendment_id=amendment.id)
        work()
    order.refresh_from_db()
    return amendment


def test_an_early_end_returns_what_the_amendment_says():
    market = market_of_contracts()
    subscription = subscribed(market, 31_000, renewal_notice_days=30)
    order = subscription.order
    first = agree(market, order, "2027-02-01", ends_on=day("2027-03-20"))
    assert money(order) == (93_000, first.unused_amount, 0)
    assert order.access_until == order.entitlement.ends_at
    second = agree(market, order, "2027-02-10", ends_on=day("2027-03-03"))
    assert money(order) == (93_000, first.unused_amount + second.unused_amount, 0)
    assert first.unused_amount + second.unused_amount == 46_500
    beat("2027-03-03")
    subscription.refresh_from_db()
    assert (subscription.state, subscription.renewal) == (SubscriptionState.ENDED, Renewal.AGREED)
    assert charges(order) == [("2027-01-17", 31_000, False), ("2027-02-17", 15_500, True)]
    with on("2027-03-02"):
        assert order.entitlement.standing == "active"
    with on("2027-03-03"):
        assert order.entitlement.standing == "ended"
    assert reconcile().is_clean


def test_an_early_end_within_the_trial_returns_everything():
    market = market_of_contracts()
    subscription = subscribed(market, 31_000, trial_days=30)
    order = subscription.order
    agree(market, order, "2027-01-20", ends_on=day("2027-01-25"))
    assert money(order) == (93_000, 93_000, 0)
    with on("2027-01-24"):
        assert order.entitlement.standing == "active"
    with on("2027-01-25"):
        assert order.entitlement.standing == "ended"
    beat("2027-02-16")
    subscription.refresh_from_db()
    assert subscription.state == SubscriptionState.ENDED
    assert charges(order) == [("end", 0, True)]
    assert reconcile().is_clean


def test_what_was_amended_goes_on_in_the_next_term():
    market = market_of_contracts()
    order = ordered(market, renewal_notice_days=30)
    agree(market, order, START, acceptance_days=21, licence="Internal use.\nAnd by subsidiaries.")
    accept(market, order)
    agree(market, order, "2027-02-01", purpose="Route planning too.")
    beat("2027-03-18")
    beat("2027-04-17")
    following = Order.objects.get(renews=order)
    terms = json.loads(following.terms.get().document)
    assert terms["offer"]["licence"] == "Internal use.\nAnd by subsidiaries."
    assert (terms["offer"]["acceptance_days"], following.acceptance_days) == (21, 21)
    assert terms["order"]["purpose"] == following.purpose == "Route planning too."
    assert following.acceptance_due_at - following.delivered_at == datetime.timedelta(days=21)
    following.offer.refresh_from_db()
    assert following.offer.licence == "Internal use.", "the offer itself never changes"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=st.integers(1, 99_999),
    months=st.integers(1, 4),
    is_instalment=st.booleans(),
    ends=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 90)), min_size=1, max_size=3),
)
def test_however_often_its_end_is_moved_the_money_is_what_the_terms_say(amount, months, is_instalment, ends):
    with transaction.atomic():
        market = market_of_contracts()
        is_instalment = is_instalment and months > 1
        subscription = subscribed(market, amount, months=months, is_instalment=is_instalment)
        order, today = subscription.order, START
        for later, ahead in ends:
            today += datetime.timedelta(days=later)
            beat(today)
            try:
                with transaction.atomic():
                    agree(market, order, today, ends_on=today + datetime.timedelta(days=ahead))
            except BusinessError:
                continue
        unused = Amendment.objects.filter(order=order).aggregate(sum=Sum("unused_amount"))["sum"] or 0
        for _month in range(6):
            today += datetime.timedelta(days=31)
            beat(today)
        escrowed, returned, captured = money(order)
        assert captured == amount * months - unused
        assert escrowed == captured + returned
        assert Subscription.objects.get(order=order).state == SubscriptionState.ENDED
        assert reconcile().is_clean
        transaction.set_rollback(True)
