"""Statements in the workspaces: the vendor's own, everybody's for operators and auditors."""

import io
import json
import re
import zipfile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.documents.admin import statements as pages
from market.kernel import clock
from market.ledger.states import AccountKind
from tests import factories
from tests.documents import books
from tests.documents.books import NOVEMBER, day

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return books.market_with_books()


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def address(site: str, account, part: str = "change/") -> str:
    return f"/{site}/documents/accountstatement/{account.pk}/{part}"


def test_a_vendor_is_led_to_the_month_of_its_only_account(market):
    client, payable = signed_in(market.vendor_finance), books.account(market.vendor)
    led = client.get("/vendor/documents/accountstatement/")
    assert (led.status_code, led.url) == (302, address("vendor", payable))
    page = client.get(led.url, {"month": "2026-11"}).content.decode()
    for text in ("89.34", "134.01", "178.68", "44.67", market.buyer.name, "150.00", "7.50", "8.49"):
        assert text in page, text
    numbers = re.findall(r"QS\d{8}-\w{10}", page)
    assert len(set(numbers)) == 2


def test_the_picture_shows_earned_paid_out_and_balance(market):
    client, payable = signed_in(market.vendor_finance), books.account(market.vendor)
    with clock.frozen_at(books.noon(day(books.DECEMBER, 15))):
        found = client.get(address("vendor", payable), {"month": "2026-11"}).context["picture"]
    data = json.loads(found.data)
    balance, earned, paid = (curve["data"] for curve in data["datasets"])
    assert data["labels"] == [f"11-{number:02d}" for number in range(1, 31)]
    assert (earned[4], paid[9], earned[11]) == (89.34, 178.68, 44.67)
    assert sum(earned) == pytest.approx(134.01)
    assert balance[0] == 89.34
    assert (balance[8], balance[9], balance[-1]) == (178.68, 0, 44.67)
    with clock.frozen_at(books.noon(day(books.DECEMBER, 15))):
        year = client.get(address("vendor", payable), {"date_from": "2026-01-15", "date_until": "2026-12-31"})
    data = json.loads(year.context["picture"].data)
    assert data["labels"] == [f"2026-{number:02d}" for number in range(1, 13)]
    assert data["datasets"][0]["data"][9:] == [89.34, 44.67, 44.67]
    with clock.frozen_at(books.noon(day(NOVEMBER, 7))):
        found = client.get(address("vendor", payable), {"month": "2026-11"}).context["picture"]
    assert json.loads(found.data)["labels"][-1] == "11-07"


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
def test_the_same_as_files(market, form):
    payable = books.account(market.vendor)
    for site, member in (("vendor", market.vendor_finance), ("auditor", market.auditor), ("admin", market.operator)):
        answer = signed_in(member).get(address(site, payable, f"statement.{form}"), {"month": "2026-11"})
        assert answer.status_code == 200
        content = b"".join(answer.streaming_content)
        if form == "csv":
            assert b"4467" in content
        elif form == "xlsx":
            assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
        else:
            assert content.startswith(b"%PDF-")


def test_operators_and_auditors_read_any_party_s(market):
    wallet = books.account(market.buyer, AccountKind.WALLET)
    for site, member in (("admin", market.operator), ("auditor", market.auditor)):
        client = signed_in(member)
        listed = client.get(f"/{site}/documents/accountstatement/", {"q": "遵义食品"}).content.decode()
        assert str(wallet.pk) in listed
        page = client.get(address(site, wallet), {"month": "2026-11"}).content.decode()
        assert "350.00" in page


def test_what_is_not_ones_own_is_not_there(market):
    payable = books.account(market.vendor)
    stranger = factories.member(factories.organization(Capacity.VENDOR), Role.OWNER)
    commission = books.account(market.vendor, AccountKind.COMMISSION)
    for part in ("change/", "statement.csv", "statement.xlsx", "statement.pdf"):
        assert signed_in(stranger).get(address("vendor", payable, part)).status_code == 404
        assert signed_in(market.lister).get(address("vendor", payable, part)).status_code == 403
        assert signed_in(market.operator).get(address("admin", commission, part)).status_code == 404
    assert "accountstatement" not in signed_in(market.lister).get("/vendor/").content.decode()


def test_days_that_make_no_sense_lead_to_the_present_month(market):
    client, payable = signed_in(market.vendor_finance), books.account(market.vendor)
    for query in ({"month": "x"}, {"date_from": "2026-11-02", "date_until": "2026-11-01"}, {"cursor": "x"}):
        answer = client.get(address("vendor", payable), query)
        assert answer.status_code == 200
        assert answer.context["statement"].period == pages.month_of(clock.business_date())


def test_long_statements_have_pages_of_constant_work(market, monkeypatch):
    client, payable = signed_in(market.vendor_finance), books.account(market.vendor)
    for number in range(14, 19):
        books.sold(market, day(NOVEMBER, number), 1_000)
    counts, seen = set(), []
    for size in (2, 3):
        monkeypatch.setattr(pages, "LINES_A_PAGE", size)
        seen, query = [], "date_from=2026-11-01&date_until=2026-11-30"
        while query:
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(f"{address('vendor', payable)}?{query}")
            counts.add(len(queries))
            assert len(answer.context["rows"]) <= size
            seen += [row["balance"] for row in answer.context["rows"]]
            query = answer.context["more"]
        assert len(seen) == 8
    assert len(counts) == 1
    assert seen[-1] == "89.32"
