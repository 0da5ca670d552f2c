"""Settlement in the workspaces: acts lead to services, vendors see their own, money is shown in yuan."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Organization
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.states import AccountKind
from market.settlement.models import Capture, Payout, SettlementBatch
from market.settlement.services import run_settlement
from market.settlement.states import PayoutState
from tests import factories
from tests.settlement.trades import accepted_orders, capture_orders, market_with_fees

pytestmark = pytest.mark.django_db
MODELS = ("feeschedule", "capture", "settlementbatch", "payout")


@pytest.fixture
def market() -> factories.Market:
    return market_with_fees(funds=10_000_000)


@pytest.fixture
def operator(client, market):
    client.force_login(market.operator.user)
    return client


def settled(market: factories.Market, amounts: list[int], **more) -> SettlementBatch:
    capture_orders(accepted_orders(market, amounts, **more))
    run_settlement(actor=SYSTEM, cutoff=clock.now())
    return SettlementBatch.objects.first()


def another_vendors_offer():
    product = factories.product(factories.organization(Capacity.VENDOR, name="别家数据有限公司"))
    factories.revision(product)
    return factories.offer(product)


def act_url(payout: Payout, name: str, site: str = "operator") -> str:
    return reverse(f"{site}:settlement_payout_act", args=[payout.id, name])


class TestPayoutActs:
    def test_a_held_payout_is_sent_and_confirmed(self, operator, market):
        Organization.objects.filter(id=market.vendor.id).update(bank_account="")
        payout = settled(market, [10_000]).payouts.get()
        page = reverse("operator:settlement_payout_change", args=[payout.id])
        shown = operator.get(page).content.decode()
        assert "has no bank account on file" in shown and "89.34" in shown
        assert act_url(payout, "send") in shown and act_url(payout, "confirm") not in shown
        refused = operator.post(act_url(payout, "send"), {"confirmed": "yes"})
        assert refused.status_code == 200 and "has no bank account on file" in refused.content.decode()
        Organization.objects.filter(id=market.vendor.id).update(bank_account="6222999")
        assert operator.post(act_url(payout, "send"), {"confirmed": "yes"}).status_code == 302
        assert operator.post(act_url(payout, "confirm"), {"confirmed": "yes"}).status_code == 302
        payout.refresh_from_db()
        assert (payout.state, payout.bank_account) == (PayoutState.CONFIRMED, "6222999")
        assert AuditEvent.objects.get(name="payout.confirmed").actor_user_id == market.operator.user_id

    def test_one_comes_back_with_a_reason(self, operator, market):
        payout = settled(market, [10_000]).payouts.get()
        assert operator.post(act_url(payout, "bounce"), {"reason": ""}).status_code == 200
        payout.refresh_from_db()
        assert payout.state == PayoutState.SENT
        assert operator.post(act_url(payout, "bounce"), {"reason": "AC04 closed account"}).status_code == 302
        payout.refresh_from_db()
        assert (payout.state, payout.bounce_reason) == (PayoutState.BOUNCED, "AC04 closed account")
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 8_934
        assert operator.post(act_url(payout, "confirm"), {"confirmed": "yes"}).status_code == 404

    @pytest.mark.parametrize("site", ["vendor", "auditor"])
    def test_not_on_the_other_sites(self, client, market, site):
        payout = settled(market, [10_000]).payouts.get()
        client.force_login({"vendor": market.vendor_finance, "auditor": market.auditor}[site].user)
        assert client.get(reverse(f"{site}:settlement_payout_change", args=[payout.id])).status_code == 200
        for name in ("send", "confirm", "bounce"):
            assert client.post(act_url(payout, name, site), {"reason": "no"}).status_code == 404
            assert client.post(act_url(payout, name), {"reason": "no"}).status_code in (302, 403)
        assert Payout.objects.get().state == PayoutState.SENT


class TestWhoSeesWhat:
    def test_a_vendor_sees_its_own_only(self, client, market):
        mine = settled(market, [10_000])
        theirs = settled(market, [20_000], offer=another_vendors_offer())
        client.force_login(market.vendor_finance.user)
        pages = {
            "settlementbatch": (mine.id, theirs.id),
            "payout": (mine.payouts.get().id, theirs.payouts.get().id),
            "capture": (
                Capture.objects.get(batch_line__batch=mine).id,
                Capture.objects.get(batch_line__batch=theirs).id,
            ),
        }
        for model, (own, foreign) in pages.items():
            listed = client.get(reverse(f"vendor:settlement_{model}_changelist")).content.decode()
            assert str(own) in listed and str(foreign) not in listed
            assert client.get(reverse(f"vendor:settlement_{model}_change", args=[own])).status_code == 200
            assert client.get(reverse(f"vendor:settlement_{model}_change", args=[foreign])).status_code == 404
            assert client.get(reverse(f"vendor:settlement_{model}_history", args=[foreign])).status_code == 404

    def test_a_lister_sees_no_money(self, client, market):
        batch = settled(market, [10_000])
        client.force_login(market.lister.user)
        for model in MODELS:
            assert client.get(reverse(f"vendor:settlement_{model}_changelist")).status_code == 403
        assert client.get(reverse("vendor:settlement_settlementbatch_change", args=[batch.id])).status_code == 403
        assert "Owed to you" not in client.get(reverse("vendor:index")).content.decode()

    @pytest.mark.parametrize("who", ["operator", "auditor"])
    def test_operators_and_auditors_see_all(self, client, market, who):
        batches = [settled(market, [10_000]), settled(market, [20_000], offer=another_vendors_offer())]
        client.force_login(getattr(market, who).user)
        listed = client.get(reverse(f"{who}:settlement_settlementbatch_changelist")).content.decode()
        assert all(str(batch.id) in listed for batch in batches)
        for model in MODELS:
            assert client.get(reverse(f"{who}:settlement_{model}_changelist")).status_code == 200

    @pytest.mark.parametrize(
        ("site", "who"), [("operator", "operator"), ("vendor", "vendor_finance"), ("auditor", "auditor")]
    )
    def test_rows_of_evidence_cannot_be_written(self, client, market, site, who):
        batch = settled(market, [10_000])
        client.force_login(getattr(market, who).user)
        rows = {"capture": Capture.objects.get(), "settlementbatch": batch, "payout": batch.payouts.get()}
        for model, row in rows.items():
            assert client.get(reverse(f"{site}:settlement_{model}_add")).status_code == 403
            change = reverse(f"{site}:settlement_{model}_change", args=[row.pk])
            assert client.post(change, {"amount": "1", "net": "1"}).status_code == 403


class TestPages:
    def test_a_batch_shows_its_orders_a_page_at_a_time(self, operator, market):
        batch = settled(market, [1_234_567] + [100] * 59)
        page = operator.get(reverse("operator:settlement_settlementbatch_change", args=[batch.id])).content.decode()
        assert "12,404.67" in page
        assert page.count("field-order_number") < 60

    def test_the_first_page_tells_what_is_owed(self, client, market):
        capture_orders(accepted_orders(market, [10_000]))
        pages = [("operator", market.operator, "Owed to vendors"), ("vendor", market.vendor_finance, "Owed to you")]
        for site, who, title in pages:
            client.force_login(who.user)
            shown = client.get(reverse(f"{site}:index")).content.decode()
            assert title in shown and "89.34" in shown

    @pytest.mark.parametrize("model", MODELS)
    def test_a_list_costs_the_same_whatever_its_length(self, operator, market, model):
        url = reverse(f"operator:settlement_{model}_changelist")
        counts = []
        for _round in range(2):
            settled(market, [100] * 3, offer=another_vendors_offer())
            settled(market, [100] * 3, offer=another_vendors_offer())
            operator.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert operator.get(url).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_a_batch_costs_the_same_whatever_its_orders(self, operator, market):
        counts = []
        for amounts in ([100] * 2, [100] * 30):
            batch = settled(market, amounts, offer=another_vendors_offer())
            url = reverse("operator:settlement_settlementbatch_change", args=[batch.id])
            operator.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert operator.get(url).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]


def test_an_owner_of_the_exchange_looks_and_does_not_touch(client, market):
    """Only operators and the exchange's finance move money."""
    owner = factories.member(market.operator.organization, Role.OWNER)
    payout = settled(market, [10_000]).payouts.get()
    client.force_login(owner.user)
    assert client.get(reverse("operator:settlement_payout_change", args=[payout.id])).status_code == 200
    assert client.post(act_url(payout, "confirm"), {"confirmed": "yes"}).status_code == 404
    assert Payout.objects.get().state == PayoutState.SENT
