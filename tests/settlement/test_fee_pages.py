"""Fee schedules in the workspaces: drafted, announced, tried out on a past month, and what vendors see of them."""

import datetime

import pytest
from django.urls import reverse

from accounts.states import Capacity
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.models import Transfer
from market.settlement.models import FeeSchedule
from market.settlement.services import create_fee_schedule, save_fee_draft
from tests import factories
from tests.settlement.test_admin import another_vendors_offer
from tests.settlement.trades import accepted_orders, capture_orders, market_with_fees

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return market_with_fees(funds=10_000_000)


@pytest.fixture
def operator(client, market):
    client.force_login(market.operator.user)
    return client


class TestFeeSchedules:
    def form(self, **changes) -> dict:
        return {
            "commission_bps": "300",
            "tiers": "1000.00: 200\n5000: 100",
            "special_rates": "",
            "vat_general_bps": "600",
            "vat_small_scale_bps": "100",
        } | changes

    def add(self, operator, **changes):
        return operator.post(reverse("operator:settlement_feeschedule_add"), self.form(**changes))

    def act(self, operator, schedule: FeeSchedule, name: str, **answers):
        return operator.post(
            reverse("operator:settlement_feeschedule_act", args=[schedule.id, name]), {"confirmed": "yes"} | answers
        )

    def test_an_operator_drafts_changes_and_announces_the_next_version(self, operator, market):
        special = f"j: 250, 2000: 200\n{market.vendor.uscc}: 50"
        assert self.add(operator, special_rates=special).status_code == 302
        draft = FeeSchedule.objects.get(version=None)
        page = reverse("operator:settlement_feeschedule_change", args=[draft.id])
        shown = operator.get(page).content.decode()
        assert "1000.00: 200" in shown and "J: 250, 2000.00: 200" in shown and f"{market.vendor.uscc}: 50" in shown
        assert operator.post(page, self.form(commission_bps="310", special_rates=special)).status_code == 302
        day = {"effective_from_0": "2098-01-01", "effective_from_1": "00:00:00"}
        assert self.act(operator, draft, "announce", **day).status_code == 302
        made = FeeSchedule.objects.get(version=2)
        assert (made.id, made.commission_bps, made.tiers) == (draft.id, 310, [(100_000, 200), (500_000, 100)])
        assert made.effective_from.isoformat() == "2097-12-31T16:00:00+00:00"
        proof = AuditEvent.objects.get(name="fee_schedule.announced", subject_id=made.id)
        assert proof.actor_user_id == market.operator.user_id
        assert operator.post(page, self.form()).status_code == 403
        assert self.act(operator, made, "discard").status_code == 404
        assert "3.10 %; from ¥1,000.00 on 2.00 %" in operator.get(page).content.decode()
        # The next version begins as a copy of it, and is thrown away.
        assert self.act(operator, made, "copy").status_code == 302
        copy = FeeSchedule.objects.get(version=None)
        assert (copy.tiers, copy.overrides.count()) == (made.tiers, 2)
        assert self.act(operator, copy, "discard").status_code == 302
        assert FeeSchedule.objects.count() == 2

    def test_from_now_when_no_day_is_given(self, operator):
        self.add(operator)
        assert self.act(operator, FeeSchedule.objects.get(version=None), "announce").status_code == 302
        assert FeeSchedule.objects.get(version=2).effective_from <= clock.now()

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"commission_bps": "9900"}, "less than nothing"),
            ({"commission_bps": "-1"}, "greater than or equal to 0"),
            ({"tiers": "a million: 3"}, "cannot be read: a million: 3"),
            ({"tiers": "5: 3\n5: 2"}, "above the one before"),
            ({"special_rates": "Z: 3"}, "cannot be read: Z: 3"),
            ({"special_rates": "J: 3\nj: 2"}, "two special rates"),
            ({"special_rates": "J: 9900"}, "less than nothing"),
        ],
    )
    def test_a_faulty_form_comes_back_and_says_why(self, operator, changes, words):
        response = self.add(operator, **changes)
        assert response.status_code == 200
        assert words in response.content.decode()
        assert FeeSchedule.objects.count() == 1

    @pytest.mark.parametrize(
        ("day", "words"),
        [("2020-01-01", "cannot begin in the past"), ("0001-01-01", "effective_from"), ("9999-12-31", "9998")],
    )
    def test_a_beginning_that_cannot_be_is_refused(self, operator, day, words):
        self.add(operator)
        draft = FeeSchedule.objects.get(version=None)
        response = self.act(operator, draft, "announce", effective_from_0=day, effective_from_1="23:59")
        assert response.status_code == 200 and words in response.content.decode()
        assert FeeSchedule.objects.filter(version=None).exists()

    def test_nobody_changes_one(self, operator):
        page = reverse("operator:settlement_feeschedule_change", args=[FeeSchedule.objects.get().id])
        assert operator.get(page).status_code == 200
        assert operator.post(page, self.form()).status_code == 403
        assert FeeSchedule.objects.get().commission_bps == 500

    def test_vendors_see_no_drafts_and_nobody_elses_rates(self, operator, market, client):
        other = factories.organization(Capacity.VENDOR)
        special = f"J: 250\n{market.vendor.uscc}: 51\n{other.uscc}: 77"
        self.add(operator, special_rates=special)
        self.act(operator, FeeSchedule.objects.get(version=None), "announce")
        self.add(operator)
        announced, draft = FeeSchedule.objects.get(version=2), FeeSchedule.objects.get(version=None)
        client.force_login(market.vendor_finance.user)
        pages = [reverse("vendor:settlement_feeschedule_change", args=[one.id]) for one in (announced, draft)]
        shown = client.get(pages[0]).content.decode()
        assert "0.51 %" in shown and "2.50 %" in shown and "0.77 %" not in shown
        assert client.get(pages[1]).status_code == 404
        listed = client.get(reverse("vendor:settlement_feeschedule_changelist")).content.decode()
        assert pages[0] in listed and pages[1] not in listed

    def test_a_vendor_sees_its_tier_and_what_is_to_the_next(self, market, client):
        create_fee_schedule(actor=SYSTEM, commission_bps=500, tiers=[(100_000, 400), (200_000, 300)])
        capture_orders(accepted_orders(market, [130_000]))
        client.force_login(market.vendor_finance.user)
        shown = client.get(reverse("vendor:index")).content.decode()
        assert "Commission now: 4.00 %" in shown and "3.00 % from ¥2,000.00 on" in shown and "¥700.00 to go" in shown


class TestSimulation:
    def test_a_month_under_another_schedule(self, operator, market, django_assert_max_num_queries):
        with clock.frozen_at(datetime.datetime(2026, 3, 31, 15, 59, tzinfo=datetime.UTC)):
            capture_orders(accepted_orders(market, [60_000, 60_000]))
            capture_orders(accepted_orders(market, [100], offer=another_vendors_offer()))
        with clock.frozen_at(datetime.datetime(2026, 3, 31, 16, 1, tzinfo=datetime.UTC)):
            capture_orders(accepted_orders(market, [99_999]))
        draft = save_fee_draft(actor=SYSTEM, commission_bps=500, tiers=[(100_000, 100)])
        before = list(FeeSchedule.objects.values()), Transfer.objects.count(), AuditEvent.objects.count()
        url = reverse("operator:settlement_feeschedule_simulation", args=[draft.id])
        with django_assert_max_num_queries(12):
            shown = operator.get(url, {"month": "2026-03"}).content.decode()
        # 600.00 and 400.00 at 5 %, 200.00 at 1 %, and 1.00 of another vendor at 5 %.
        assert "¥52.05" in shown and "was ¥60.05, -¥8.00" in shown
        file = operator.get(
            reverse("operator:settlement_feeschedule_simulation_csv", args=[draft.id]) + "?month=2026-03"
        )
        lines = b"".join(file.streaming_content).decode().splitlines()
        assert [line.split(",")[2:] for line in lines[1:]] == [
            ["2", "120000", "6000", "5200", "6792", "6792", "107208", "108008", "800"],
            ["1", "100", "5", "5", "6", "6", "89", "89", "0"],
            ["3", "120100", "6005", "5205", "6798", "6798", "107297", "108097", "800"],
        ]
        for month in ("nonsense", "0001-01", "9999-12"):
            assert "Nothing was captured" in operator.get(url, {"month": month}).content.decode()
        assert before == (list(FeeSchedule.objects.values()), Transfer.objects.count(), AuditEvent.objects.count())

    def test_is_the_operators(self, market, client):
        address = reverse("operator:settlement_feeschedule_simulation", args=[FeeSchedule.objects.get().id])
        for member in (market.vendor_finance, market.auditor):
            client.force_login(member.user)
            for url in (address, address.removesuffix("/") + ".csv"):
                assert client.get(url).status_code in (302, 403, 404)
