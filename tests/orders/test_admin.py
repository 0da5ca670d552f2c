"""Orders and money in the workspaces: to read for whom they concern, and two buttons for an operator."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.ledger.models import Account, Transfer
from market.ledger.states import AccountKind
from market.orders.models import Order, OrderTerms
from market.orders.states import OrderState
from tests import factories
from tests.orders.trades import delivered, failed, money, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


def enter(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


def change(site: str, row) -> str:
    return reverse(f"{site}:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def act(order: Order, name: str, site: str = "operator") -> str:
    return reverse(f"{site}:orders_order_act", args=[order.id, name])


def text(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_order_is_shown_whole_to_operators_and_auditors(market):
    order = failed(market, quantity=3)
    for site, membership in (("operator", market.operator), ("auditor", market.auditor)):
        client = enter(membership)
        assert order.number in text(client.get(reverse(f"{site}:orders_order_changelist")))
        page = text(client.get(change(site, order)))
        for part in ("300.00", market.buyer.uscc, order.terms_sha256, "order.delivery_failed", "wallet"):
            assert part in page
        assert market.purchaser.user.email in page
        terms = OrderTerms.objects.get(order=order)
        assert "qianshu.order-terms/1" in text(client.get(change(site, terms)))


def test_a_vendor_sees_its_own_sales_without_the_buyers_people(market):
    order, client = place(market), enter(market.lister)
    rival = factories.organization(Capacity.VENDOR)
    product = factories.product(rival)
    factories.revision(product)
    foreign = place(market, offer_id=factories.offer(product).id)
    page = text(client.get(reverse("vendor:orders_order_changelist")))
    assert order.number in page and foreign.number not in page
    page = text(client.get(change("vendor", order)))
    assert market.buyer.name in page and market.purchaser.user.email not in page
    for hidden in (foreign, OrderTerms.objects.get(order=foreign)):
        assert client.get(change("vendor", hidden)).status_code == 404
    found = text(client.get(reverse("vendor:orders_order_changelist"), {"q": foreign.number}))
    assert change("vendor", foreign) not in found
    assert client.get("/vendor/ledger/transfer/").status_code == 404


def test_nothing_can_be_written_by_hand(market):
    order = place(market)
    transfer, account = Transfer.objects.first(), Account.objects.first()
    client = enter(market.operator)
    for row in (order, OrderTerms.objects.get(order=order), transfer, account):
        assert client.post(change("operator", row), {"state": "accepted", "amount": "1"}).status_code == 403
        options = row._meta
        assert client.get(reverse(f"operator:{options.app_label}_{options.model_name}_add")).status_code == 403
        assert client.post(change("operator", row).replace("change", "delete")).status_code == 404
    order.refresh_from_db()
    assert (order.state, order.amount) == (OrderState.PAID, 10_000)


def test_an_operator_tries_a_failed_delivery_again(market):
    order, client = failed(market), enter(market.operator)
    assert act(order, "retry-delivery") in text(client.get(change("operator", order)))
    assert client.post(act(order, "retry-delivery"), {"confirmed": "yes"}).status_code == 302
    order.refresh_from_db()
    assert (order.state, order.delivery_tries) == (OrderState.DELIVERING, 2)
    assert client.post(act(order, "retry-delivery"), {"confirmed": "yes"}).status_code == 404


def test_an_operator_refunds_a_failed_order(market):
    order, client = failed(market), enter(market.operator)
    assert "escrow" in text(client.get(act(order, "refund")))
    assert client.post(act(order, "refund"), {"confirmed": "yes"}).status_code == 302
    order.refresh_from_db()
    assert order.state == OrderState.REFUNDED and money(market) == (100_000, 0)


def test_acts_are_offered_only_where_they_help_and_only_to_operators(market):
    fine, broken = delivered(market), failed(market)
    operator = enter(market.operator)
    for name in ("refund", "retry-delivery"):
        assert act(fine, name) not in text(operator.get(change("operator", fine)))
        assert operator.post(act(fine, name), {"confirmed": "yes"}).status_code == 404
        finance = enter(factories.member(market.operator.organization, Role.FINANCE))
        assert finance.post(act(broken, name), {"confirmed": "yes"}).status_code == 404
        assert enter(market.lister).post(act(broken, name, "vendor"), {"confirmed": "yes"}).status_code == 404
        assert enter(market.auditor).post(act(broken, name, "auditor"), {"confirmed": "yes"}).status_code == 404
    broken.refresh_from_db()
    assert broken.state == OrderState.DELIVERY_FAILED


@pytest.mark.parametrize("query", ["number", "client_reference", "id"])
def test_an_order_is_found_by_any_of_its_names(market, query):
    order, other = place(market), place(market)
    page = text(enter(market.operator).get(reverse("operator:orders_order_changelist"), {"q": getattr(order, query)}))
    assert change("operator", order) in page and change("operator", other) not in page


def test_lists_are_filtered_by_state_day_vendor_and_buyer(market):
    order, broken = place(market), failed(market)
    client, address = enter(market.operator), reverse("operator:orders_order_changelist")
    assert broken.number not in text(client.get(address, {"state__exact": "paid"}))
    assert order.number not in text(client.get(address, {"placed_at_to": "2020-01-01"}))
    for name, organization in (("vendor_org", market.vendor), ("buyer_org", market.buyer)):
        assert order.number in text(client.get(address, {f"{name}__id__exact": str(organization.id)}))
        stranger = {f"{name}__id__exact": str(market.operator.organization_id)}
        assert order.number not in text(client.get(address, stranger))


def test_money_is_shown_in_yuan_with_what_it_was_for(market):
    order, client = place(market), enter(market.auditor)
    page = text(client.get(reverse("auditor:ledger_transfer_changelist"), {"q": str(order.id)}))
    assert "100.00" in page and change("auditor", order) in page and "1000.00" not in page
    transfer = Transfer.objects.get(subject_id=order.id)
    assert transfer.business_key in text(client.get(change("auditor", transfer)))
    page = text(client.get(reverse("auditor:ledger_account_changelist"), {"kind__exact": "bank"}))
    assert "-1000.00" in page
    wallet = Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET)
    assert "900.00" in text(client.get(change("auditor", wallet)))


def test_a_list_costs_the_same_however_long_it_is(market):
    client = enter(market.operator)
    lists = ["orders_order", "orders_orderterms", "ledger_transfer", "ledger_account"]

    def costs() -> list[int]:
        found = []
        for name in lists:
            with CaptureQueriesContext(connection) as queries:
                text(client.get(reverse(f"operator:{name}_changelist")))
            found.append(len(queries))
        return found

    place(market)
    costs()  # the first look fills Django's own caches
    before = costs()
    for _number in range(6):
        place(market)
    factories.organization(Capacity.BUYER)
    assert costs() == before
    assert max(before) <= 7
