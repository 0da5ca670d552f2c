"""Fee schedules: versioned, dated, never changed, never backdated."""

import datetime
import threading
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.settlement.errors import AlreadyAnnounced, NoFeeSchedule
from market.settlement.models import Capture, FeeSchedule, MonthlyVolume
from market.settlement.selectors import schedule_in_force
from market.settlement.services import (
    SpecialRate,
    announce_fee_schedule,
    capture,
    create_fee_schedule,
    discard_fee_draft,
    reconcile,
    save_fee_draft,
)
from tests import factories
from tests.concurrency.together import InBackground, blocked_backends
from tests.settlement.trades import accepted_orders, capture_orders, market_with_fees

DAY = datetime.timedelta(days=1)


@pytest.mark.django_db
class TestInForce:
    def test_without_a_schedule_it_says_what_to_do(self):
        with pytest.raises(NoFeeSchedule, match="manage.py fee_schedule"):
            schedule_in_force(clock.now())

    def test_what_began_last_wins_and_then_the_higher_version(self):
        now = clock.now()
        create_fee_schedule(actor=SYSTEM, commission_bps=500, effective_from=now - DAY)
        create_fee_schedule(actor=SYSTEM, commission_bps=400, effective_from=now + 10 * DAY)
        create_fee_schedule(actor=SYSTEM, commission_bps=450, effective_from=now + 5 * DAY)
        create_fee_schedule(actor=SYSTEM, commission_bps=300, effective_from=now + 10 * DAY)
        found = [schedule_in_force(now + days * DAY).commission_bps for days in (0, 4, 5, 9, 10, 99)]
        assert found == [500, 500, 450, 450, 300, 300]
        with pytest.raises(NoFeeSchedule):
            schedule_in_force(now - 2 * DAY)


@pytest.mark.django_db
class TestCreate:
    def test_leaves_evidence(self):
        made = create_fee_schedule(actor=SYSTEM, commission_bps=500)
        proof = AuditEvent.objects.get(name="fee_schedule.announced", subject_id=made.id)
        assert (made.version, made.vat_general_bps, made.vat_small_scale_bps) == (1, 600, 100)
        assert proof.payload["commission_bps"] == 500

    def test_only_operators_may(self):
        market = factories.market(funds=0)
        for membership in (market.lister, market.vendor_finance, market.purchaser, market.auditor):
            with pytest.raises(Forbidden):
                create_fee_schedule(actor=factories.actor_of(membership), commission_bps=1)
        assert not FeeSchedule.objects.exists()
        assert create_fee_schedule(actor=factories.actor_of(market.operator), commission_bps=1).version == 1

    @pytest.mark.parametrize("rates", [(-1, 0, 0), (10_001, 0, 0), (9_500, 600, 100), (9_950, 0, 100), (0, 10_001, 0)])
    def test_impossible_rates_are_refused(self, rates):
        commission, general, small = rates
        with pytest.raises(InvalidInput):
            create_fee_schedule(
                actor=SYSTEM, commission_bps=commission, vat_general_bps=general, vat_small_scale_bps=small
            )
        assert not FeeSchedule.objects.exists()

    def test_the_past_is_closed_once_there_is_a_schedule(self):
        past = clock.now() - DAY
        create_fee_schedule(actor=SYSTEM, commission_bps=500, effective_from=past)
        with pytest.raises(InvalidInput):
            create_fee_schedule(actor=SYSTEM, commission_bps=1, effective_from=past)
        assert FeeSchedule.objects.count() == 1

    @pytest.mark.parametrize("year", [1, 1969, 9999])
    def test_a_year_far_from_ours_is_refused(self, year):
        with pytest.raises(InvalidInput):
            create_fee_schedule(
                actor=SYSTEM, commission_bps=1, effective_from=datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
            )

    @pytest.mark.parametrize(
        "statement", ["UPDATE settlement_feeschedule SET commission_bps = 1", "DELETE FROM settlement_feeschedule"]
    )
    def test_the_database_keeps_it_as_it_is(self, statement):
        create_fee_schedule(actor=SYSTEM, commission_bps=500)
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert FeeSchedule.objects.get().commission_bps == 500


def create_many(count: int) -> list[BaseException]:
    """``count`` schedules created at the same moment; what went wrong."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(count)

    def create() -> None:
        try:
            with transaction.atomic():
                barrier.wait(10)
                create_fee_schedule(actor=SYSTEM, commission_bps=500)
        except IntegrityError as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=create) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.mark.django_db(transaction=True)
class TestRace:
    def test_without_the_lock_two_take_the_same_version(self, monkeypatch):
        monkeypatch.setattr("market.settlement.services.fees.alone", lambda name: None)
        assert create_many(4)

    def test_with_the_lock_each_gets_its_own(self):
        assert not create_many(4)
        assert sorted(FeeSchedule.objects.values_list("version", flat=True)) == [1, 2, 3, 4]


@pytest.mark.django_db
class TestCommand:
    def test_an_empty_exchange_says_what_to_do(self):
        with pytest.raises(CommandError, match="--commission-bps"):
            call_command("fee_schedule")

    def test_creates_and_shows(self, capsys):
        call_command("fee_schedule", "--commission-bps", "500", "--effective-from", "2026-01-01")
        assert "Created version 1" in capsys.readouterr().out
        begins = FeeSchedule.objects.get().effective_from
        assert begins == datetime.datetime(2025, 12, 31, 16, tzinfo=datetime.UTC)
        save_fee_draft(actor=SYSTEM, commission_bps=450)
        call_command("fee_schedule")
        shown = capsys.readouterr().out
        assert "2026-01-01T00:00:00+08:00" in shown and "450" not in shown

    def test_says_why_not(self):
        with pytest.raises(CommandError, match="less than nothing"):
            call_command("fee_schedule", "--commission-bps", "9999")


def captured_at_once(market: factories.Market, wait_until) -> list[int]:
    """Two captures of 1,000.00 yuan of one vendor, the second begun while the first is not committed."""
    first, second = accepted_orders(market, [100_000, 100_000])
    with transaction.atomic():
        capture_orders([first])
        other = InBackground(lambda: capture_orders([second]))
        wait_until(blocked_backends, "the second to wait")
    other.wait()
    return sorted(Capture.objects.filter(order__in=[first, second]).values_list("volume_before", flat=True))


@pytest.mark.django_db(transaction=True)
def test_of_two_captures_at_once_the_second_counts_from_the_first(monkeypatch, wait_until):
    market = market_with_fees(funds=400_000)
    assert captured_at_once(market, wait_until) == [0, 100_000]
    assert reconcile().is_clean
    # Without what adding returns, the second counts from what it saw when it began, and reconcile tells.
    stale = "coalesce((SELECT kept.gross FROM settlement_monthlyvolume AS kept WHERE month = %(month)s), 0)"
    monkeypatch.setattr(capture, "STATEMENT", capture.STATEMENT.replace("volume.gross - together", stale))
    assert captured_at_once(market, wait_until) == [200_000, 200_000]
    assert {finding.check.name for finding in reconcile().findings if finding.drifted} == {"volumes"}


@pytest.mark.django_db
class TestDrafts:
    TIERS = ((100_000, 400), (500_000, 300))

    def test_a_draft_is_written_again_announced_and_then_stays(self):
        market = market_with_fees()
        actor = factories.actor_of(market.operator)
        special = [
            SpecialRate(sector="J", commission_bps=250),
            SpecialRate(vendor_id=market.vendor.id, commission_bps=1),
        ]
        draft = save_fee_draft(actor=actor, commission_bps=600, special_rates=special)
        assert (draft.version, str(draft), schedule_in_force(clock.now()).version) == (None, "draft", 1)
        fees = {"commission_bps": 500, "tiers": self.TIERS, "special_rates": special[:1]}
        save_fee_draft(actor=actor, schedule_id=draft.id, **fees)
        made = announce_fee_schedule(actor=actor, schedule_id=draft.id)
        assert (made.id, made.version, made.tiers) == (draft.id, 2, list(self.TIERS))
        assert [str(rate) for rate in made.overrides.all()] == ["Finance"]
        proofs = AuditEvent.objects.filter(subject_id=draft.id).order_by("id")
        assert [proof.name.partition(".")[2] for proof in proofs] == ["drafted", "drafted", "announced"]
        assert proofs[2].payload["special_rates"] == [{"sector": "J", "commission_bps": 250, "tiers": []}]
        for act in (save_fee_draft, announce_fee_schedule, discard_fee_draft):
            with pytest.raises(AlreadyAnnounced):
                act(actor=actor, schedule_id=draft.id, **(fees if act is save_fee_draft else {}))
        for statement in (
            "UPDATE settlement_feeschedule SET tier_bps = '{1,1}' WHERE version = 2",
            "UPDATE settlement_feeoverride SET commission_bps = 1",
            "DELETE FROM settlement_feeoverride",
            "INSERT INTO settlement_feeoverride SELECT (jsonb_populate_record(rate,"
            " jsonb_build_object('id', gen_random_uuid(), 'sector', 'A'))).* FROM settlement_feeoverride AS rate",
        ):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)

    def test_a_draft_is_thrown_away(self):
        market = market_with_fees()
        draft = save_fee_draft(
            actor=SYSTEM, commission_bps=1, special_rates=[SpecialRate(sector="A", commission_bps=1)]
        )
        with pytest.raises(Forbidden):
            discard_fee_draft(actor=factories.actor_of(market.vendor_finance), schedule_id=draft.id)
        discard_fee_draft(actor=SYSTEM, schedule_id=draft.id)
        assert FeeSchedule.objects.get().version == 1
        with pytest.raises(NotFound):
            announce_fee_schedule(actor=SYSTEM, schedule_id=draft.id)

    @pytest.mark.parametrize(
        ("fees", "pointer"),
        [
            ({"tiers": [(0, 1)]}, "/tiers"),
            ({"tiers": [(5, 1), (5, 2)]}, "/tiers"),
            ({"tiers": [(5, 9_500)]}, "/tiers"),
            ({"tiers": [(5, -1)]}, "/tiers"),
            ({"tiers": [(number, 1) for number in range(1, 22)]}, "/tiers"),
            ({"special_rates": [SpecialRate(commission_bps=9_500, sector="J")]}, "/special_rates"),
            ({"special_rates": [SpecialRate(commission_bps=1)]}, "/special_rates"),
            ({"special_rates": [SpecialRate(commission_bps=1, sector="Z")]}, "/special_rates"),
            ({"special_rates": [SpecialRate(commission_bps=1, sector="J")] * 2}, "/special_rates"),
            ({"special_rates": [SpecialRate(commission_bps=1, vendor_id=uuid.uuid4())]}, "/special_rates"),
        ],
    )
    def test_what_cannot_be_is_refused(self, fees, pointer):
        with pytest.raises(InvalidInput) as refusal:
            save_fee_draft(actor=SYSTEM, commission_bps=500, **fees)
        assert list(refusal.value.errors) == [pointer]
        assert not FeeSchedule.objects.exists()

    @pytest.mark.parametrize(
        "columns",
        [
            "tier_volumes = '{5,5}', tier_bps = '{1,1}'",
            "tier_volumes = '{5}'",
            "tier_volumes = '{5}', tier_bps = '{9900}'",
            "tier_volumes = '{NULL}', tier_bps = '{1}'",
            "version = 7",
        ],
    )
    def test_the_database_refuses_it_too(self, columns):
        save_fee_draft(actor=SYSTEM, commission_bps=500)
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE settlement_feeschedule SET {columns}")

    def test_a_months_volume_never_falls(self):
        market = market_with_fees()
        capture_orders(accepted_orders(market, [10_000]))
        for statement in ("UPDATE settlement_monthlyvolume SET gross = 1", "DELETE FROM settlement_monthlyvolume"):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        assert MonthlyVolume.objects.get().gross == 10_000
