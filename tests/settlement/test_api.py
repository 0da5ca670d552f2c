"""Settlement over HTTP: who sees what, pages, filters, and work that does not grow with the page."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.identifiers import uuid7
from market.settlement.models import BatchLine, Payout, SettlementBatch
from market.settlement.services import (
    SpecialRate,
    bounce_payout,
    create_fee_schedule,
    run_settlement,
    save_fee_draft,
)
from tests import factories
from tests.settlement.trades import accepted_orders, capture_orders, market_with_fees

ROOT = "/api/v1/settlement"
LISTS = ("batches", "payouts", "fee-schedules")


def settled(market: factories.Market, amounts: list[int], **more) -> SettlementBatch:
    capture_orders(accepted_orders(market, amounts, **more))
    run_settlement(actor=SYSTEM, cutoff=clock.now())
    return SettlementBatch.objects.first()


def another_vendors_offer(market: factories.Market):
    product = factories.product(factories.organization(Capacity.VENDOR))
    factories.revision(product)
    return factories.offer(product)


@pytest.fixture
def market(db) -> factories.Market:
    return market_with_fees()


@pytest.fixture
def finance(market):
    return factories.api_client(market.vendor_finance)


class TestBatches:
    def test_the_list(self, market, finance):
        batch = settled(market, [10_000, 20_000])
        (shown,) = finance.get(f"{ROOT}/batches").json()["results"]
        payout = Payout.objects.get()
        assert shown == {
            "id": str(batch.id),
            "vendor": {"id": str(market.vendor.id), "name": market.vendor.name},
            "cutoff": shown["cutoff"],
            "order_count": 2,
            "gross": 30_000,
            "net": 26_802,
            "carried": 0,
            "commission": 1_500,
            "vat": 1_698,
            "currency": "CNY",
            "payouts": [
                {
                    "id": str(payout.id),
                    "reference": payout.reference,
                    "amount": 26_802,
                    "currency": "CNY",
                    "state": "sent",
                    "hold": "",
                }
            ],
            "created_at": shown["created_at"],
        }
        assert shown["cutoff"].endswith("Z")

    def test_one_with_its_lines_by_pages(self, market, finance):
        batch = settled(market, [100, 200, 300])
        seen, url = [], f"{ROOT}/batches/{batch.id}?page_size=2"
        while url:
            page = finance.get(url).json()
            assert page["gross"] == 600
            seen += page["lines"]["results"]
            url = page["lines"]["next"]
        assert sorted(line["gross"] for line in seen) == [100, 200, 300]
        line = next(line for line in seen if line["gross"] == 100)
        assert (line["net"], line["commission"], line["vat"]) == (89, 5, 6)
        assert (line["fee_schedule_version"], line["taxpayer_type"]) == (1, "general")
        assert set(line["order"]) == {"id", "number"}

    def test_filters(self, market):
        client = factories.api_client(market.auditor)
        settled(market, [100])
        other = another_vendors_offer(market)
        settled(market, [200], offer=other)
        shown = client.get(f"{ROOT}/batches", {"vendor": str(other.vendor_org_id)}).json()["results"]
        assert [batch["gross"] for batch in shown] == [200]
        today = clock.business_date().isoformat()
        assert client.get(f"{ROOT}/batches", {"cutoff": today}).json()["results"] == []
        assert client.get(f"{ROOT}/batches", {"vendors": "x"}).status_code == 422
        assert client.get(f"{ROOT}/batches", {"cutoff": "yesterday"}).status_code == 422


class TestPayouts:
    def test_the_list_and_one(self, market, finance):
        settled(market, [10_000])
        first = Payout.objects.get()
        again = bounce_payout(actor=SYSTEM, payout_id=first.id, reason="AC04 closed account")
        pending, bounced = finance.get(f"{ROOT}/payouts").json()["results"]
        assert (pending["id"], pending["state"], pending["hold"]) == (str(again.id), "pending", "came_back")
        assert (bounced["state"], bounced["bounce_reason"], bounced["legal_moves"]) == (
            "bounced",
            "AC04 closed account",
            [],
        )
        assert finance.get(f"{ROOT}/payouts/{first.id}").json() == bounced

    def test_filters(self, market, finance):
        batch = settled(market, [10_000])
        bounce_payout(actor=SYSTEM, payout_id=Payout.objects.get().id, reason="AC04")
        shown = finance.get(f"{ROOT}/payouts", {"state": "pending", "batch": str(batch.id)}).json()["results"]
        assert [payout["state"] for payout in shown] == ["pending"]
        assert finance.get(f"{ROOT}/payouts", {"state": "lost"}).status_code == 422


class TestFeeSchedules:
    def test_the_list(self, market, finance):
        special = [
            SpecialRate(sector="J", commission_bps=7),
            SpecialRate(vendor_id=market.vendor.id, commission_bps=8, tiers=[(5, 6)]),
            SpecialRate(vendor_id=factories.organization("vendor").id, commission_bps=9),
        ]
        begins = clock.now() + datetime.timedelta(days=9)
        create_fee_schedule(actor=SYSTEM, commission_bps=300, special_rates=special, effective_from=begins)
        save_fee_draft(actor=SYSTEM, commission_bps=1)
        newest, first = finance.get(f"{ROOT}/fee-schedules").json()["results"]
        assert (newest["version"], newest["commission_bps"], newest["has_begun"]) == (2, 300, False)
        # Nobody else's rate, and no draft.
        assert [(rate["sector"], rate["commission_bps"]) for rate in newest["special_rates"]] == [("", 8), ("J", 7)]
        assert newest["special_rates"][0]["tiers"] == [{"from_volume": 5, "commission_bps": 6}]
        assert (first["version"], first["vat_general_bps"], first["has_begun"]) == (1, 600, True)


class TestWhoSeesWhat:
    @pytest.mark.parametrize("role", [Role.OWNER, Role.FINANCE])
    def test_a_vendor_sees_its_own(self, market, role):
        mine = settled(market, [100])
        theirs = settled(market, [200], offer=another_vendors_offer(market))
        client = factories.api_client(factories.member(market.vendor, role))
        assert [batch["id"] for batch in client.get(f"{ROOT}/batches").json()["results"]] == [str(mine.id)]
        assert [payout["amount"] for payout in client.get(f"{ROOT}/payouts").json()["results"]] == [mine.net]
        assert client.get(f"{ROOT}/batches/{theirs.id}").status_code == 404
        assert client.get(f"{ROOT}/payouts/{theirs.payouts.get().id}").status_code == 404

    @pytest.mark.parametrize("who", ["operator", "auditor"])
    def test_the_exchange_and_its_auditors_see_all(self, market, who):
        batch = settled(market, [100])
        settled(market, [200], offer=another_vendors_offer(market))
        client = factories.api_client(getattr(market, who))
        assert len(client.get(f"{ROOT}/batches").json()["results"]) == 2
        assert len(client.get(f"{ROOT}/payouts").json()["results"]) == 2
        assert client.get(f"{ROOT}/batches/{batch.id}").status_code == 200

    def test_a_buyers_finance_sees_nothing(self, market):
        batch = settled(market, [100])
        client = factories.api_client(factories.member(market.buyer, Role.FINANCE))
        assert client.get(f"{ROOT}/batches").json()["results"] == []
        assert client.get(f"{ROOT}/batches/{batch.id}").status_code == 404

    @pytest.mark.parametrize("path", LISTS)
    def test_a_role_without_the_scope_is_refused(self, market, path):
        assert factories.api_client(market.lister).get(f"{ROOT}/{path}").status_code == 403
        assert factories.api_client(market.purchaser).get(f"{ROOT}/{path}").status_code == 403

    @pytest.mark.parametrize("path", LISTS)
    def test_nothing_can_be_written(self, market, path):
        client = factories.api_client(market.operator)
        assert client.post(f"{ROOT}/{path}", {}).status_code in (403, 405)

    def test_unknown_keys(self, market, finance):
        for path in (f"batches/{uuid7()}", f"payouts/{uuid7()}", "batches/1", "payouts/x"):
            assert finance.get(f"{ROOT}/{path}").status_code == 404


def test_a_page_costs_the_same_whatever_its_size(market):
    client = factories.api_client(market.operator)
    for _number in range(4):
        settled(market, [100, 200], offer=another_vendors_offer(market))
    batch = settled(market, [1] * 12)
    assert BatchLine.objects.filter(batch=batch).count() == 12
    for _schedule in range(4):
        create_fee_schedule(actor=SYSTEM, commission_bps=500)
    for path in (*LISTS, f"batches/{batch.id}"):
        counts = []
        for size in (1, 4):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"{ROOT}/{path}", {"page_size": size}).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1], path
        assert counts[0] <= 4
