"""Fee schedules: versioned, dated, never changed, never backdated."""

import datetime
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, InvalidInput
from market.settlement.errors import NoFeeSchedule
from market.settlement.models import FeeSchedule
from market.settlement.selectors import schedule_in_force
from market.settlement.services import create_fee_schedule
from tests import factories

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
        proof = AuditEvent.objects.get(name="fee_schedule.created", subject_id=made.id)
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
        call_command("fee_schedule")
        assert "2026-01-01T00:00:00+08:00" in capsys.readouterr().out

    def test_says_why_not(self):
        with pytest.raises(CommandError, match="less than nothing"):
            call_command("fee_schedule", "--commission-bps", "9999")
