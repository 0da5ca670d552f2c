"""What a statement says, over HTTP: every movement, who is on the other side, and that it adds up."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.kernel import clock
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders.models import Order
from market.settlement.models import Payout
from tests import factories
from tests.documents import books
from tests.documents.books import NOVEMBER, day
from tests.settlement.corruption import corrupt

pytestmark = pytest.mark.django_db

LIST = "/api/v1/account-statements"


@pytest.fixture
def market() -> factories.Market:
    return books.market_with_books()


def statement(client, account: Account, **query) -> dict:
    answer = client.get(f"{LIST}/{account.id}", query)
    assert answer.status_code == 200, answer.data
    return answer.json()


def lines(client, account: Account, **query) -> list[dict]:
    answer = client.get(f"{LIST}/{account.id}/lines", query)
    assert answer.status_code == 200, answer.data
    return answer.json()["results"]


def figures(found: dict) -> tuple[int, int, int, int]:
    return found["opening"], found["credited"], found["debited"], found["closing"]


def test_a_vendor_s_month(market):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    found = statement(client, payable, month="2026-11")
    assert figures(found) == (8_934, 8_934 + 4_467, 2 * 8_934, 4_467)
    assert found["adds_up"]
    assert found["sales"] == {"gross": 15_000, "commission": 750, "vat": 849}
    assert (found["date_from"], found["date_until"], found["line_count"]) == ("2026-11-01", "2026-11-30", 3)
    assert found["organization"]["name"] == market.vendor.name

    sale, payout, other_sale = lines(client, payable, month="2026-11")
    assert (sale["act"], sale["amount"], sale["balance"]) == ("capture_net", 8_934, 17_868)
    assert sale["counterparty"] == market.buyer.name
    assert sale["reference"] == Order.objects.get(id=sale["subject_id"]).number
    assert sale["sale"] == {"gross": 10_000, "commission": 500, "vat": 566}
    assert (payout["act"], payout["amount"], payout["balance"]) == ("payout", -17_868, 0)
    assert payout["reference"] == Payout.objects.get().reference
    assert payout["counterparty"] == "贵阳大数据交易所"
    assert payout["sale"] is None
    assert other_sale["balance"] == found["closing"]


def test_a_buyer_s_month(market):
    client = factories.api_client(market.purchaser)
    wallet, escrow = (books.account(market.buyer, kind) for kind in (AccountKind.WALLET, AccountKind.ESCROW))
    assert figures(statement(client, wallet, month="2026-10")) == (0, 100_000, 10_000, 90_000)
    assert figures(statement(client, wallet, month="2026-11")) == (90_000, 10_000, 35_000, 65_000)
    assert figures(statement(client, escrow, month="2026-11")) == (0, 35_000, 25_000, 10_000)
    deposit, placed = lines(client, wallet, month="2026-10")
    assert deposit["act"] == "deposit"
    assert deposit["reference"].startswith("TEST-")
    assert deposit["counterparty"] == "贵阳大数据交易所"
    assert (placed["act"], placed["counterparty"]) == ("escrow", market.vendor.name)
    acts = [line["act"] for line in lines(client, escrow, month="2026-10")]
    assert acts[0] == "escrow"
    assert sorted(acts[1:]) == ["capture_commission", "capture_net", "capture_vat"]


def test_each_month_begins_with_what_the_month_before_ended_with(market):
    client = factories.api_client(market.auditor)
    for account in Account.objects.filter(kind__in=("wallet", "escrow", "payable")):
        closing = 0
        for month in ("2026-09", "2026-10", "2026-11", "2026-12"):
            found = statement(client, account, month=month)
            assert found["opening"] == closing
            assert found["opening"] + found["credited"] - found["debited"] == found["closing"]
            closing = found["closing"]
        assert closing == Account.objects.get(id=account.id).balance


def test_a_day_begins_at_midnight_in_shanghai(market):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    midnight = clock.business_midnight(day(NOVEMBER, 25))
    sales = (midnight - datetime.timedelta(microseconds=1), midnight)
    for moment in sales:
        with clock.frozen_at(moment):
            books.lives.completed(market)
    found = statement(client, payable, date_from="2026-11-25", date_until="2026-11-25")
    assert (found["line_count"], found["credited"]) == (1, 8_934)
    assert found["opening"] == 4_467 + 8_934
    assert lines(client, payable, date_from="2026-11-25", date_until="2026-11-25")[0]["posted_at"] == (
        "2026-11-24T16:00:00Z"
    )


def test_the_present_month_is_shown_by_default_and_is_not_over(market):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    today = clock.business_date()
    found = statement(client, payable)
    assert found["date_from"] == today.replace(day=1).isoformat()
    assert not found["is_over"]
    assert statement(client, payable, month="2026-10")["is_over"]


def test_pages_join_without_a_gap(market):
    client, wallet = factories.api_client(market.purchaser), books.account(market.buyer, AccountKind.WALLET)
    # Acts of one moment are told apart by their keys.
    with clock.frozen_at(books.noon(day(NOVEMBER, 28))):
        for _number in range(4):
            books.lives.place(market)
    whole = lines(client, wallet, month="2026-11", page_size=200)
    for size in (1, 2, 3):
        address, found = f"{LIST}/{wallet.id}/lines?month=2026-11&page_size={size}", []
        while address:
            page = client.get(address).json()
            assert len(page["results"]) <= size
            found += page["results"]
            address = page["next"]
        assert found == whole
    assert whole[-1]["balance"] == statement(client, wallet, month="2026-11")["closing"]


def test_as_many_queries_for_many_lines_as_for_few(market):
    client, wallet = factories.api_client(market.purchaser), books.account(market.buyer, AccountKind.WALLET)
    counts = set()
    for address in (f"{LIST}/{wallet.id}/lines?month=2026-11&page_size={size}" for size in (1, 5)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address).status_code == 200
        counts.add(len(queries))
    assert counts == {4}  # the token, the account, what was there before, the lines


def test_as_many_queries_for_many_accounts_as_for_few(market):
    client = factories.api_client(market.auditor)
    for _number in range(5):
        factories.organization(Capacity.BUYER, Capacity.VENDOR)
    counts = set()
    for size in (2, 12):
        with CaptureQueriesContext(connection) as queries:
            assert len(client.get(LIST, {"page_size": size}).json()["results"]) == size
        counts.add(len(queries))
    assert counts == {4}  # the token, the accounts, their sums, the sales


def test_the_list_is_of_the_own_accounts(market):
    buyer, vendor = (factories.api_client(member) for member in (market.purchaser, market.vendor_finance))
    for client, kinds in ((buyer, ["escrow", "wallet"]), (vendor, ["payable", "receivable"])):
        assert sorted(row["kind"] for row in client.get(LIST).json()["results"]) == kinds
    assert [row["kind"] for row in buyer.get(LIST, {"kind": "wallet"}).json()["results"]] == ["wallet"]
    assert buyer.get(LIST, {"organization": str(market.vendor.id)}).json()["results"] == []
    auditor = factories.api_client(market.auditor)
    assert len(auditor.get(LIST, {"organization": str(market.vendor.id)}).json()["results"]) == 2


def test_other_people_s_accounts_are_not_there(market):
    stranger = factories.member(factories.organization(Capacity.BUYER, Capacity.VENDOR), Role.OWNER)
    client = factories.api_client(stranger)
    lister = factories.api_client(market.lister)
    payable = books.account(market.vendor)
    for part in ("", "/lines", "/statement.csv", "/statement.xlsx", "/statement.pdf"):
        assert client.get(f"{LIST}/{payable.id}{part}").status_code == 404
        assert lister.get(f"{LIST}/{payable.id}{part}").status_code == 403
    # What belongs to the operator has no statement, not even for the operator.
    commission = books.account(market.vendor, AccountKind.COMMISSION)
    for member in (market.vendor_finance, market.operator):
        assert factories.api_client(member).get(f"{LIST}/{commission.id}").status_code == 404


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"month": "2026-13"}, "/month"),
        ({"month": "11-2026"}, "/month"),
        ({"month": "1066-11"}, "/month"),
        ({"month": "2026-11", "date_from": "2026-11-01", "date_until": "2026-11-02"}, "/month"),
        ({"date_from": "2026-11-01"}, "/date_until"),
        ({"date_until": "2026-11-01"}, "/date_from"),
        ({"date_from": "2026-11-02", "date_until": "2026-11-01"}, "/date_until"),
        ({"date_from": "1980-11-02", "date_until": "2026-11-01"}, "/date_from"),
        ({"date_from": "yesterday", "date_until": "2026-11-01"}, "/date_from"),
        ({"monht": "2026-11"}, "/monht"),
    ],
)
def test_days_that_make_no_sense(market, query, pointer):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    for part in ("", "/lines", "/statement.csv"):
        answer = client.get(f"{LIST}/{payable.id}{part}", query)
        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("cursor", ["x", "MjAyNg==", "bm93fG5vd2hlcmU=", "é"])
def test_a_made_up_cursor_is_refused(market, cursor):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    answer = client.get(f"{LIST}/{payable.id}/lines", {"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/cursor"


def test_a_balance_that_was_tampered_with_shows(market):
    """Whoever got round the ledger's triggers is found out: nothing wrong leaves as a file."""
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    corrupt("UPDATE ledger_account SET balance = balance + 1 WHERE id = %(key)s", key=payable.id)
    assert not statement(client, payable, month="2026-11")["adds_up"]
    for form in ("csv", "xlsx", "pdf"):
        answer = client.get(f"{LIST}/{payable.id}/statement.{form}", {"month": "2026-11"})
        assert (answer.status_code, answer.json()["code"]) == (409, "statement_does_not_add_up")
