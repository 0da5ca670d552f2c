"""Whatever is agreed, paid, cancelled or left early, and on whatever days: no fen is charged twice, lost or kept."""

import contextlib
import datetime

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.billing import services
from market.billing.models import Period, Subscription
from market.billing.states import SubscriptionState
from market.catalog import pricing
from market.kernel.errors import BusinessError
from market.orders.models import Charge, Order
from market.settlement.services import reconcile
from tests import factories
from tests.billing.contracts import START, beat, market_of_contracts, money, on, subscribed
from tests.orders.trades import buyer

prices = st.fixed_dictionaries(
    {
        "amount": st.integers(1, 99_999),
        "months": st.integers(2, 5),
        "is_instalment": st.booleans(),
        "trial_days": st.sampled_from([0, 0, 3, 40]),
        "quantity": st.integers(1, 3),
        "renewal_notice_days": st.sampled_from([None, None, 10]),
        "when": st.dates(START, START + datetime.timedelta(days=60)),
    }
)
steps = st.lists(
    st.tuples(
        st.integers(0, 45),
        st.sampled_from(["beat", "beat", "fund", "leave", "cancel", "resume"]),
        st.integers(0, 60),
    ),
    min_size=2,
    max_size=7,
)


def perform(market: factories.Market, subscription: Subscription, today: datetime.date, name: str, extra: int) -> None:
    who = {"actor": buyer(market), "subscription_id": subscription.id}
    with on(today):
        if name == "fund":
            factories.fund(market.buyer, 1 + extra * 5_000)
        elif name == "leave":
            leaves_on = today + datetime.timedelta(days=extra)
            services.terminate_subscription(order_id=subscription.order_id, leaves_on=leaves_on)
        elif name == "cancel":
            services.cancel_subscription(**who)
        elif name == "resume":
            services.resume_subscription(**who)
    beat(today)


def assert_adds_up(order: Order, price: int) -> None:
    escrowed, released, captured = money(order)
    held = Period.objects.filter(subscription__order=order, state="funded").aggregate(sum=Sum("amount"))["sum"] or 0
    charged = Charge.objects.filter(order=order).aggregate(sum=Sum("amount"))["sum"] or 0
    assert captured == charged, "every charge is captured by now"
    assert escrowed == captured + released + held
    assert charged <= price
    assert escrowed <= price


@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(price=prices, funds=st.integers(0, 300_000), story=steps)
def test_every_contract_adds_up(price, funds, story):
    with transaction.atomic():
        rule = {"price_model": "subscription"} | {name: price[name] for name in ("amount", "months", "is_instalment")}
        bargain = pricing.bargain(pricing.PriceRule(rule.pop("price_model"), **rule), price["quantity"], price["when"])
        total = bargain.price.total
        market = market_of_contracts(funds=bargain.due_now + funds)
        subscription = subscribed(market, **price)
        order, today = subscription.order, price["when"]
        for days, name, extra in story:
            today += datetime.timedelta(days=days)
            with contextlib.suppress(BusinessError), transaction.atomic():
                perform(market, subscription, today, name, extra)
            assert_adds_up(order, total)
        for _month in range(14):
            today += datetime.timedelta(days=25)
            beat(today)
            assert_adds_up(order, total)
        subscription.refresh_from_db()
        assert subscription.state == SubscriptionState.ENDED
        assert not subscription.periods.filter(state__in=["planned", "funded"]).exists()
        assert Charge.objects.filter(order=order, is_final=True).count() == 1
        assert Order.objects.filter(renews=order).count() == (subscription.end_reason == "renewed")
        report = reconcile()
        assert report.is_clean, [drift for finding in report.findings for drift in finding.drift]
        transaction.set_rollback(True)
