"""An early end that both sides agreed on: the contract says what returns, and that is what returns."""

import datetime

import pytest
from django.db import transaction

from market.billing import services as billing
from market.catalog import pricing
from market.kernel.money import split
from market.ledger.states import AccountKind
from market.orders import jobs
from market.orders import services as orders
from market.orders.errors import NotAmendable
from market.orders.models import Amendment, Order
from market.outbox.models import Job
from market.settlement.services import reconcile
from tests import factories
from tests.billing import metering
from tests.billing.contracts import beat, day, market_of_contracts, money, on, subscribed, work
from tests.orders.trades import buyer
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db


def agreed(market: factories.Market, order: Order, ends_on: datetime.date) -> Amendment:
    """Both sides agree today; what follows by itself has been done."""
    vendor = factories.actor_of(market.lister)
    proposal = orders.propose_amendment(actor=vendor, order_id=order.id, ends_on=ends_on)
    return orders.confirm_amendment(actor=buyer(market), amendment_id=proposal.id)


@pytest.mark.parametrize("ends_on", ["2027-01-17", "2027-01-31", "2027-02-17", "2027-03-03", "2027-04-16"])
@pytest.mark.parametrize("amount", [10_000, 3_333])
def test_a_prepaid_subscription_gives_back_what_the_contract_says(amount, ends_on):
    market = market_of_contracts()
    order = subscribed(market, amount).order
    with on("2027-01-17"):
        amendment = agreed(market, order, day(ends_on))
        work()
        assert money(order) == (3 * amount, amendment.unused_amount, 0)
    for when in ("2027-02-17", "2027-03-17", "2027-04-17"):
        beat(when)
    assert money(order) == (3 * amount, amendment.unused_amount, 3 * amount - amendment.unused_amount)
    assert order.charges.filter(is_final=True).exists() and reconcile().is_clean


def test_paid_by_the_month_what_is_not_paid_yet_is_no_longer_due():
    market = market_of_contracts()
    order = subscribed(market, 10_000, is_instalment=True).order
    beat("2027-02-17")
    with on("2027-02-20"):
        amendment = agreed(market, order, day("2027-03-03"))
        work()
    assert amendment.unused_amount == 15_000
    assert money(order) == (20_000, 5_000, 10_000)
    for when in ("2027-03-03", "2027-03-17", "2027-04-17"):
        beat(when)
    assert money(order) == (20_000, 5_000, 15_000)
    assert factories.balance(market.buyer, AccountKind.ESCROW) == 0 and reconcile().is_clean


def test_two_agreements_give_back_the_sum():
    market = market_of_contracts()
    order = subscribed(market).order
    with on("2027-01-20"):
        first = agreed(market, order, day("2027-03-03"))
        second = agreed(market, order, day("2027-02-03"))
        work()
    assert Job.objects.filter(kind=jobs.END, state="done").count() == 2
    assert first.unused_amount + second.unused_amount == money(order)[1]
    whole = pricing.unused_months(sum(split(30_000, [1] * 3)), 3, day("2027-01-17"), day("2027-02-03"))
    assert money(order)[1] == whole


def test_an_end_agreed_before_the_contract_has_begun_waits_for_its_beginning():
    market = market_of_contracts()
    order = subscribed(market).order
    billing_of = Job.objects.get(kind=jobs.BEGIN)
    assert billing_of.state == "done"
    offer = factories.offer(market.offer.product, 10_000, price_model="subscription", months=3)
    with on("2027-01-17"):
        other = metering.delivered(market, offer_id=offer.id)
        orders.accept(actor=buyer(market), order_id=other.id)
        amendment = agreed(market, other, day("2027-02-17"))
        ending = Job.objects.get(kind=jobs.END)
        metering.perform(ending.id)
        ending.refresh_from_db()
        assert (ending.state, money(other)[1]) == ("pending", 0)
        billing.begin_subscription(order_id=other.id)
    with on("2027-01-18"):
        metering.perform(ending.id)
        assert money(other)[1] == amendment.unused_amount == 20_000
    assert money(order)[1] == 0


def test_metered_use_ends_on_the_day_and_the_rest_returns():
    market = factories.market(funds=100_000)
    order = metering.metered(market, 10_000)
    with metering.clock.frozen_at(metering.at(3, 10)):
        metering.report(market, order, metering.use(300))
        amendment = agreed(market, order, datetime.date(2027, 3, 20))
        assert amendment.unused_amount is None
        metering.run_jobs(jobs.END)
    meter = metering.meter_of(order)
    assert meter.ends_at == metering.clock.business_midnight(datetime.date(2027, 3, 20))
    with metering.clock.frozen_at(metering.at(4, 20)):
        billing.close_due()
    escrowed, returned, _captured = money(order)
    assert (escrowed, returned) == (10_000, 9_700)


def test_a_contract_that_is_over_is_not_changed_any_more():
    """It is accepted until its last money is on its way; the contract would promise what nobody returns any more."""
    market = market_of_contracts()
    contract = subscribed(market, 31_000, trial_days=30)
    with on("2027-01-18"):
        proposal = orders.propose_amendment(actor=buyer(market), order_id=contract.order_id, ends_on=day("2027-03-03"))
    with on("2027-01-19"):
        billing.cancel_subscription(actor=buyer(market), subscription_id=contract.id)
    with on("2027-01-20"):
        before = fingerprint()
        for refused in (
            lambda: orders.confirm_amendment(actor=factories.actor_of(market.lister), amendment_id=proposal.id),
            lambda: agreed(market, contract.order, day("2027-02-18")),
        ):
            with pytest.raises(NotAmendable), transaction.atomic():
                refused()
        assert changed(before) == []


def test_use_that_its_buyer_has_ended_is_not_opened_again():
    market = factories.market(funds=100_000)
    order = metering.metered(market, 10_000)
    with metering.clock.frozen_at(metering.at(3, 10)):
        agreed(market, order, datetime.date(2027, 3, 20))
        proposal = orders.propose_amendment(actor=buyer(market), order_id=order.id, ends_on=datetime.date(2027, 3, 18))
        billing.end_meter(actor=buyer(market), order_id=order.id)
        metering.run_jobs(jobs.END)
        assert metering.meter_of(order).ends_at == metering.at(3, 10)
        with pytest.raises(NotAmendable), transaction.atomic():
            orders.confirm_amendment(actor=factories.actor_of(market.lister), amendment_id=proposal.id)
    order.refresh_from_db()
    assert order.access_until == metering.at(3, 10)
