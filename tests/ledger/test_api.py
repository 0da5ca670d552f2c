"""Balances and transfers over HTTP: own money only, everything for auditors, always the same work."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.kernel import clock
from market.ledger.models import Account, Transfer
from market.ledger.states import AccountKind
from tests import factories
from tests.orders.trades import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


def results(client, path: str, **query) -> list[dict]:
    answer = client.get(f"/api/v1/{path}", query)
    assert answer.status_code == 200, answer.data
    return answer.json()["results"]


def test_a_buyer_sees_wallet_and_escrow(market):
    place(market)
    client = factories.api_client(market.purchaser)
    rows = results(client, "balances")
    assert {row["kind"]: row["amount"] for row in rows} == {"wallet": 90_000, "escrow": 10_000}
    assert {row["organization"]["id"] for row in rows} == {str(market.buyer.id)}
    assert {row["currency"] for row in rows} == {"CNY"}
    assert [row["kind"] for row in results(client, "balances", kind="wallet")] == ["wallet"]


def test_a_vendor_sees_its_payable_and_not_what_belongs_to_the_operator(market):
    rows = results(factories.api_client(market.vendor_finance), "balances")
    assert [row["kind"] for row in rows] == ["receivable", "payable"]


def test_auditors_see_everything_and_it_comes_to_nothing(market):
    place(market)
    for membership in (market.auditor, market.operator):
        rows = results(factories.api_client(membership), "balances", page_size=200)
        assert len(rows) == Account.objects.count()
        assert sum(row["amount"] for row in rows) == 0
        assert {row["amount"] for row in rows if row["kind"] == "bank"} == {-100_000}
    of_buyer = results(factories.api_client(market.auditor), "balances", organization=str(market.buyer.id))
    assert len(of_buyer) == 2


def test_transfers_are_those_of_ones_own_accounts(market):
    order = place(market)
    stranger = factories.member(factories.organization(Capacity.BUYER), Role.FINANCE)
    factories.fund(stranger.organization, 5)
    buyer = factories.api_client(market.purchaser)
    rows = results(buyer, "transfers")
    assert [(row["kind"], row["amount"]) for row in rows] == [("escrow", 10_000), ("deposit", 100_000)]
    assert rows[0]["subject_id"] == str(order.id)
    assert (rows[0]["debit"]["kind"], rows[0]["credit"]["kind"]) == ("wallet", "escrow")
    assert [row["amount"] for row in results(factories.api_client(stranger), "transfers")] == [5]
    assert results(factories.api_client(market.vendor_finance), "transfers") == []
    assert len(results(factories.api_client(market.auditor), "transfers")) == Transfer.objects.count() == 3


def test_transfers_are_narrowed(market):
    order = place(market)
    client = factories.api_client(market.purchaser)
    wallet = Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET)
    today = clock.business_date().isoformat()
    assert len(results(client, "transfers", subject=str(order.id))) == 1
    assert len(results(client, "transfers", kind="deposit")) == 1
    assert len(results(client, "transfers", account=str(wallet.id))) == 2
    assert len(results(client, "transfers", posted_from=today, posted_until=today)) == 2
    assert results(client, "transfers", posted_until="2020-01-01") == []
    assert results(client, "transfers", subject=str(uuid.uuid4())) == []
    bank = Account.objects.get(kind=AccountKind.BANK)
    assert [row["kind"] for row in results(client, "transfers", account=str(bank.id))] == ["deposit"]


@pytest.mark.parametrize(
    "query", [{"kind": "gift"}, {"subject": "x"}, {"account": "7"}, {"posted_from": "soon"}, {"amount": "5"}]
)
def test_filters_that_cannot_be_meant_are_refused(market, query):
    assert factories.api_client(market.auditor).get("/api/v1/transfers", query).status_code == 422


def test_a_scope_is_needed(market):
    client = factories.api_client(market.purchaser, scopes=["orders:read"])
    assert client.get("/api/v1/balances").status_code == 403
    assert client.get("/api/v1/transfers").status_code == 403
    assert factories.api_client(market.lister).get("/api/v1/balances").status_code == 403


def test_reading_costs_the_same_however_much_there_is(market):
    for _number in range(8):
        place(market)
    client, costs = factories.api_client(market.auditor), []
    for path in ("balances?page_size=2", "balances?page_size=9", "transfers?page_size=2", "transfers?page_size=9"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/api/v1/{path}").status_code == 200
        costs.append(len(queries))
    assert costs == [2, 2, 2, 2]
