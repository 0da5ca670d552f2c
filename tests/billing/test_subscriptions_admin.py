"""Subscriptions in the workspaces: a vendor sees its subscribers and may decline; operators and auditors read."""

import html

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.billing import services
from market.billing.models import Subscription
from market.billing.states import Renewal
from market.catalog.models import Product
from market.catalog.states import ProductState
from market.orders import selectors as orders
from market.orders.admin.timeline import steps_of
from market.orders.models import Order
from tests import factories
from tests.billing.contracts import beat, market_of_contracts, on, subscribed
from tests.orders.trades import buyer

pytestmark = pytest.mark.django_db
RENEWED = {"renewal_notice_days": 30}


def entered(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


def page(subscription: Subscription, site: str = "vendor") -> str:
    return reverse(f"{site}:billing_subscription_change", args=[subscription.id])


def listing(site: str = "vendor") -> str:
    return reverse(f"{site}:billing_subscription_changelist")


def read(member: Membership, path: str, when: str = "2027-02-01") -> str:
    with on(when):
        answer = entered(member).get(path)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_a_vendor_sees_its_subscribers_and_their_months():
    market = market_of_contracts()
    subscription = subscribed(market, is_instalment=True, **RENEWED)
    subscribed(market)
    beat("2027-02-17")
    shown = read(market.lister, listing(), "2027-02-17")
    assert subscription.order.number in shown and market.buyer.name in shown
    assert 'title="planned 1, funded 1, charged 1"' in shown
    assert "2027-03-17 · CNY 100.00" in shown
    detail = read(market.lister, page(subscription), "2027-02-17")
    for text in (
        "notice on 2027-03-18",
        "planned: 1 (100.00)",
        "2027-01-17 – 2027-04-17",
        "300.00 · paid by the month",
    ):
        assert text in detail, text
    assert "2027-03-17 00:00: the next instalment is drawn" in detail


@pytest.mark.parametrize("site", ["operator", "auditor"])
def test_supervisors_read_all_and_do_nothing(site):
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    subscribed(market)
    member = getattr(market, site)
    assert market.vendor.name in read(member, listing(site))
    detail = read(member, page(subscription, site))
    assert market.buyer.uscc in detail and "Do not renew" not in detail


def test_a_vendor_declines_in_time():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    address = reverse("vendor:billing_subscription_act", args=[subscription.id, "decline"])
    assert "Do not renew" in read(market.lister, page(subscription), "2027-03-17")
    assert "Do not renew" not in read(market.lister, page(subscription), "2027-03-18")
    with on("2027-03-18"):
        assert entered(market.lister).post(address, {"confirmed": "yes"}).status_code == 404
        assert entered(market.vendor_finance).post(address, {"confirmed": "yes"}).status_code == 404
    with on("2027-03-17"):
        assert entered(market.lister).post(address, {"confirmed": "yes"}).status_code == 302
    subscription.refresh_from_db()
    assert subscription.renewal == Renewal.DECLINED
    assert "Do not renew" not in read(market.lister, page(subscription), "2027-03-17")


def test_another_vendors_subscribers_are_not_there():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    stranger = factories.member(factories.organization(Capacity.VENDOR), Role.LISTER)
    with on("2027-02-01"):
        client = entered(stranger)
        assert client.get(page(subscription)).status_code == 404
        assert subscription.order.number not in client.get(listing()).content.decode()


def test_a_renewed_contract_leads_on_and_one_that_could_not_be_says_why():
    market = market_of_contracts()
    renewed = subscribed(market, **RENEWED)
    refused = subscribed(market, **RENEWED)
    beat("2027-03-18")
    Product.objects.filter(id=refused.order.product_id).update(state=ProductState.SUSPENDED)
    with on("2027-04-17"):
        services.charge_months()
        services.end_term(subscription_id=refused.id)
    Product.objects.filter(id=refused.order.product_id).update(state=ProductState.LISTED)
    beat("2027-04-17")
    following = Order.objects.get(renews=renewed.order)
    shown = read(market.lister, page(renewed), "2027-04-17")
    assert following.number in shown and "Nothing: it has ended." in shown
    assert "no longer listed" in read(market.lister, page(refused), "2027-04-17")


def test_the_orders_page_tells_the_story_with_its_money():
    market = market_of_contracts()
    subscription = subscribed(market, trial_days=14, **RENEWED)
    with on("2027-01-20"):
        services.decline_renewal(actor=factories.actor_of(market.lister), subscription_id=subscription.id)
    with on("2027-01-21"):
        services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
    story = steps_of(orders.timeline(factories.actor_of(market.lister), subscription.order))
    moved = {step.act.name: [movement.amount for movement in step.movements] for step in story if step.act}
    assert moved["subscription.trial_ended"] == [30_000]
    shown = read(market.lister, reverse("vendor:orders_order_change", args=[subscription.order_id]), "2027-01-21")
    assert "The vendor will not renew" in shown and "Ended within the trial" in shown


def test_the_list_costs_the_same_for_any_number_of_rows(django_assert_max_num_queries):
    market = market_of_contracts()
    subscribed(market)
    subscribed(market)
    client = entered(market.lister)
    with on("2027-02-01"), django_assert_max_num_queries(60) as few:
        client.get(listing())
    for _number in range(4):
        subscribed(market, is_instalment=True, **RENEWED)
    with on("2027-02-01"), django_assert_max_num_queries(len(few.captured_queries)):
        client.get(listing())
