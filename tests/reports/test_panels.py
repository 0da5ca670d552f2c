"""The figures on the first pages: right, scoped, and as cheap for many orders as for few."""

import datetime

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from market.kernel import clock
from market.kernel.actors import Actor
from market.orders import services as orders
from market.outbox.models import Job
from market.outbox.states import JobState
from market.reports import panels
from market.workspaces.dashboard import Chart, Number, Shares, yuan
from tests import factories, trades
from tests.orders.trades import buyer, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


def numbers(panel, actor: Actor) -> dict[str, str]:
    return {str(figure.title): figure.value for figure in panel(actor) if isinstance(figure, Number)}


def pictures(panel, actor: Actor) -> dict[str, Chart | Shares]:
    return {str(figure.title): figure for figure in panel(actor) if not isinstance(figure, Number)}


def test_a_day_is_a_business_day_and_old_orders_are_left_out(market):
    midnight = clock.business_midnight(clock.business_date())
    for moment in (
        midnight - datetime.timedelta(days=panels.DAYS),
        midnight - datetime.timedelta(microseconds=1),
        midnight,
    ):
        with clock.frozen_at(moment):
            trades.place(market)
    shown = pictures(panels.for_auditors, factories.actor_of(market.auditor))
    assert list(shown["Orders a day"].values)[-2:] == [1, 1]
    assert sum(shown["Orders a day"].values) == 2
    assert list(shown["Value of orders a day (yuan)"].values)[-2:] == [100.0, 100.0]
    assert len(shown["Orders a day"].labels) == panels.DAYS
    assert numbers(panels.for_auditors, factories.actor_of(market.auditor))["Orders"] == "2"


def test_auditors_see_all_trade(market):
    second = factories.market(price=2_500)
    trades.place(market)
    trades.deliver(trades.place(second))
    actor = factories.actor_of(market.auditor)
    found = numbers(panels.for_auditors, actor)
    assert found["Value of orders"] == found["In escrow"] == "¥125.00"
    shown = pictures(panels.for_auditors, actor)
    by_state = {str(part.label): part.amount for part in shown["Orders by state, last 30 days"].parts}
    assert by_state == {"paid into escrow": 1, "delivered": 1}
    (sector,) = shown["Sectors by value, last 30 days"].parts
    assert (str(sector.label)[0], sector.amount, sector.text) == ("M", 12_500, "¥125.00")


def test_what_nobody_pays_for_is_counted_and_adds_no_value(market):
    place(market)
    orders.cancel(actor=buyer(market), order_id=place(market).id)
    place(market, quantity=1_000, wait_for_funds=True)
    found = numbers(panels.for_auditors, factories.actor_of(market.auditor))
    assert (found["Orders"], found["Value of orders"]) == ("3", "¥100.00")
    shown = pictures(panels.for_auditors, factories.actor_of(market.auditor))
    assert shown["Value of orders a day (yuan)"].values[-1] == 100.0
    assert [part.amount for part in shown["Sectors by value, last 30 days"].parts] == [10_000]


def test_vendors_see_their_own(market):
    second = factories.market()
    trades.place(market)
    for _sale in range(2):
        trades.deliver(trades.place(second))
    own = numbers(panels.for_vendors, factories.actor_of(market.lister))
    assert (own["Orders"], own["Value of orders"], own["Waiting for acceptance"]) == ("1", "¥100.00", "0")
    other = numbers(panels.for_vendors, factories.actor_of(second.lister))
    assert (other["Orders"], other["Waiting for acceptance"]) == ("2", "2")


def test_operators_see_what_waits(market):
    factories.organization("buyer", state="pending")
    order = trades.place(market)
    orders.mark_delivering(order_id=order.id)
    orders.mark_delivery_failed(order_id=order.id, reason="No file")
    Job.objects.filter(subject_id=order.id).update(state=JobState.DEAD)
    found = numbers(panels.for_operators, factories.actor_of(market.operator))
    assert found["Failed deliveries"] == found["Dead letters"] == found["Organisations to verify"] == "1"


@pytest.mark.parametrize(
    ("panel", "who", "queries"),
    [(panels.for_auditors, "auditor", 4), (panels.for_operators, "operator", 5), (panels.for_vendors, "lister", 2)],
)
def test_queries_are_as_many_as_promised_however_many_orders(market, panel, who, queries):
    actor = factories.actor_of(getattr(market, who))
    for _round in range(2):
        trades.deliver(trades.place(market))
        with CaptureQueriesContext(
            connection,
        ) as seen:
            list(panel(actor))
        assert len(seen) == queries


@pytest.mark.parametrize(("path", "who"), [("/auditor/", "auditor"), ("/admin/", "operator"), ("/vendor/", "lister")])
def test_the_first_page_shows_them_and_every_link_leads_somewhere(market, path, who):
    trades.place(market)
    client = Client()
    client.force_login(getattr(market, who).user)
    page = client.get(path).content.decode()
    assert 'class="chart"' in page
    assert "Orders by state, last 30 days" in page
    for figure in client.get(path).context["numbers"]:
        if figure.url:
            assert client.get(figure.url).status_code == 200, figure.url
    for figure in client.get(path).context["pictures"]:
        for part in getattr(figure, "parts", ()):
            assert not part.url or client.get(part.url).status_code == 200, part.url


def test_an_empty_market_has_pages_too(db):
    operator = factories.member(factories.organization("operator"), "operator")
    client = Client()
    client.force_login(operator.user)
    assert "Nothing yet." in client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "¥0.00"), (5, "¥0.05"), (123_456_789, "¥1,234,567.89"), (-150, "-¥1.50")]
)
def test_money_is_read_by_people(fen, text):
    assert yuan(fen) == text


def test_bars_are_in_proportion_and_never_vanish():
    parts = [panels.Share("a", 1000), panels.Share("b", 1), panels.Share("c", 0)]
    assert [line["per_cent"] for line in Shares("x", parts).lines] == [100, 1, 0]


def test_curves_are_remembered_for_a_while_and_what_waits_is_not(market, settings):
    settings.DASHBOARD_SECONDS = 60
    cache.clear()
    actor = factories.actor_of(market.lister)
    assert numbers(panels.for_vendors, actor)["Orders"] == "0"
    trades.deliver(trades.place(market))
    shown = numbers(panels.for_vendors, actor)
    assert (shown["Orders"], shown["Waiting for acceptance"]) == ("0", "1")
    cache.clear()
    assert numbers(panels.for_vendors, actor)["Orders"] == "1"
    cache.clear()


def test_curves_of_two_vendors_are_kept_apart(market, settings):
    settings.DASHBOARD_SECONDS = 60
    second = factories.market()
    trades.place(market)
    assert numbers(panels.for_vendors, factories.actor_of(market.lister))["Orders"] == "1"
    assert numbers(panels.for_vendors, factories.actor_of(second.lister))["Orders"] == "0"


def test_first_pages_do_without_their_cache(market, settings):
    settings.DASHBOARD_SECONDS = 60
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    trades.place(market)
    assert numbers(panels.for_vendors, factories.actor_of(market.lister))["Orders"] == "1"
