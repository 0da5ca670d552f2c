"""The settlement run: one batch a vendor and cutoff, every capture in one line, money out once."""

import datetime
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext, override_settings

from accounts.models import Organization
from accounts.states import Capacity, OrganizationState
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput
from market.ledger.models import Transfer
from market.ledger.states import AccountKind, TransferKind
from market.orders.models import Order
from market.orders.states import OrderState
from market.outbox import services as outbox
from market.outbox.models import Job
from market.outbox.states import JobState
from market.settlement import jobs, tasks
from market.settlement.models import BatchLine, Capture, Payout, SettlementBatch
from market.settlement.services import ask_for_run, capture_due, cutoff_due, reconcile, run_settlement
from market.settlement.states import PayoutHold, PayoutState
from tests import factories
from tests.settlement.trades import accepted_orders, capture_orders, collected, market_with_fees

SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)


def captured(market: factories.Market, amounts: list[int], **more) -> list:
    order_ids = accepted_orders(market, amounts, **more)
    capture_orders(order_ids)
    return order_ids


def settle(cutoff: datetime.datetime | None = None):
    return run_settlement(actor=SYSTEM, cutoff=cutoff or clock.now())


def other_vendor(**fields):
    """Another vendor's offer in the same market."""
    product = factories.product(factories.organization(Capacity.VENDOR, **fields))
    factories.revision(product)
    return factories.offer(product)


@pytest.mark.django_db
class TestRun:
    def test_one_batch_pays_what_was_captured(self):
        market = market_with_fees()
        captured(market, [10_000, 20_000])
        run = settle()
        batch, payout = SettlementBatch.objects.get(), Payout.objects.get()
        assert (batch.order_count, batch.gross, batch.net, batch.commission, batch.vat) == (
            2, 30_000, 26_802, 1_500, 1_698,
        )  # fmt: skip
        assert (payout.state, payout.amount, payout.bank_account) == (
            PayoutState.SENT, 26_802, market.vendor.bank_account,
        )  # fmt: skip
        assert BatchLine.objects.filter(batch=batch, vendor_org_id=market.vendor.id).count() == 2
        assert set(Order.objects.values_list("state", flat=True)) == {OrderState.SETTLED}
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 0
        assert (run.batches, run.orders, run.net, run.sent, run.held) == (1, 2, 26_802, 1, 0)

    def test_money_reaches_the_bank(self):
        market = market_with_fees()
        captured(market, [10_000])
        before = collected(market.operator.organization, AccountKind.BANK)
        settle()
        assert collected(market.operator.organization, AccountKind.BANK) - before == 8_934
        moved = Transfer.objects.get(kind=TransferKind.PAYOUT)
        assert moved.business_key == f"payout:{Payout.objects.get().id}:sent"

    def test_leaves_evidence(self):
        market = market_with_fees()
        captured(market, [10_000])
        settle()
        batched = AuditEvent.objects.get(name="settlement.batched", subject_id=SettlementBatch.objects.get().id)
        sent = AuditEvent.objects.get(name="payout.sent", subject_id=Payout.objects.get().id)
        assert batched.payload["net"] == sent.payload["amount"] == 8_934
        assert {batched.vendor_org_id, sent.vendor_org_id} == {market.vendor.id}
        assert AuditEvent.objects.filter(name="order.settled").count() == 1

    def test_each_vendor_gets_its_own(self):
        market = market_with_fees()
        captured(market, [10_000])
        captured(market, [20_000, 300], offer=other_vendor())
        run = settle()
        assert run.batches == 2
        assert sorted(SettlementBatch.objects.values_list("gross", flat=True)) == [10_000, 20_300]
        for batch in SettlementBatch.objects.all():
            assert {line.capture.vendor_org_id for line in batch.lines.all()} == {batch.vendor_org_id}

    def test_what_is_captured_at_or_after_the_cutoff_waits(self):
        market = market_with_fees()
        cutoff = clock.now()
        with clock.frozen_at(cutoff - SECOND):
            captured(market, [100])
        with clock.frozen_at(cutoff):
            captured(market, [200])
        with clock.frozen_at(cutoff + DAY):
            settle(cutoff)
            assert SettlementBatch.objects.get().gross == 100
            settle(cutoff + SECOND)
            assert SettlementBatch.objects.count() == 2
            assert SettlementBatch.objects.get(cutoff=cutoff + SECOND).gross == 200

    def test_again_does_nothing(self):
        market = market_with_fees()
        captured(market, [10_000])
        cutoff = clock.now()
        settle(cutoff)
        before = (Transfer.objects.count(), AuditEvent.objects.count(), Payout.objects.count())
        assert settle(cutoff).batches == 0
        assert (Transfer.objects.count(), AuditEvent.objects.count(), Payout.objects.count()) == before

    def test_what_comes_late_waits_for_the_next_cutoff(self):
        """A capture dated before a cutoff that was settled already is not lost, and not paid into that batch."""
        market = market_with_fees()
        cutoff = clock.now()
        with clock.frozen_at(cutoff - SECOND):
            captured(market, [100])
        settle(cutoff)
        with clock.frozen_at(cutoff - SECOND):
            (late,) = captured(market, [200])
        assert settle(cutoff).batches == 0
        assert Order.objects.get(id=late).state == OrderState.ACCEPTED
        with clock.frozen_at(cutoff + DAY):
            assert settle(cutoff + DAY).orders == 1
        assert Order.objects.get(id=late).state == OrderState.SETTLED

    def test_a_vendor_without_a_bank_account_waits_and_says_why(self):
        market = market_with_fees()
        captured(market, [10_000])
        captured(market, [20_000], offer=other_vendor(bank_account=""))
        Organization.objects.filter(id=market.vendor.id).update(state=OrganizationState.SUSPENDED)
        run = settle()
        assert (run.sent, run.held) == (0, 2)
        assert set(Payout.objects.values_list("state", "hold")) == {
            (PayoutState.PENDING, PayoutHold.NO_BANK_ACCOUNT),
            (PayoutState.PENDING, PayoutHold.NOT_VERIFIED),
        }
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 8_934
        assert not Transfer.objects.filter(kind=TransferKind.PAYOUT).exists()

    def test_when_the_fees_leave_nothing_there_is_nothing_to_pay(self):
        market = market_with_fees(commission_bps=9_400)
        captured(market, [1])
        settle()
        batch = SettlementBatch.objects.get()
        assert (batch.net, batch.commission) == (0, 1)
        assert not Payout.objects.exists()

    def test_many_vendors_are_taken_in_slices(self, monkeypatch):
        monkeypatch.setattr("market.settlement.services.run.SLICE_VENDORS", 2)
        market = market_with_fees()
        for _number in range(5):
            captured(market, [100, 200], offer=other_vendor())
        beats = []
        run = run_settlement(actor=SYSTEM, cutoff=clock.now(), heartbeat=lambda: beats.append(1))
        assert (run.batches, run.orders, run.sent, len(beats)) == (5, 10, 5, 3)

    def test_work_does_not_grow_with_the_orders(self):
        """The batch, its lines and its payout cost the same statements however many orders there are."""
        counts = []
        for amounts in ([100], [100] * 30):
            market = market_with_fees(funds=10_000)
            captured(market, amounts)
            with CaptureQueriesContext(connection) as queries:
                settle()
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.django_db
class TestRefused:
    def test_only_the_exchanges_treasurers_may(self):
        market = market_with_fees()
        captured(market, [10_000])
        for membership in (market.lister, market.vendor_finance, market.purchaser, market.auditor):
            with pytest.raises(Forbidden):
                run_settlement(actor=factories.actor_of(membership), cutoff=clock.now())
        assert not SettlementBatch.objects.exists()
        assert run_settlement(actor=factories.actor_of(market.operator), cutoff=clock.now()).batches == 1

    def test_a_cutoff_to_come_is_refused(self):
        market = market_with_fees()
        captured(market, [10_000])
        with pytest.raises(InvalidInput) as refusal:
            settle(clock.now() + DAY)
        assert "/cutoff" in refusal.value.errors
        assert not SettlementBatch.objects.exists()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE settlement_settlementbatch SET net = net + 1, vat = vat - 1",
            "DELETE FROM settlement_batchline",
            "DELETE FROM settlement_payout",
            "UPDATE settlement_payout SET amount = 1",
            "UPDATE settlement_payout SET reference = 'X'",
            "UPDATE settlement_payout SET state = 'pending'",
            "UPDATE settlement_payout SET state = 'bounced', ended_at = now()",
            "INSERT INTO settlement_batchline (id, batch_id, capture_id, vendor_org_id)"
            " SELECT settlement_uuid7(), batch_id, capture_id, vendor_org_id FROM settlement_batchline",
            "INSERT INTO settlement_payout (id, batch_id, vendor_org_id, amount, currency, reference, state, hold,"
            " bank_account, bounce_reason, created_at) SELECT settlement_uuid7(), batch_id, vendor_org_id, amount,"
            " currency, 'ANOTHER', 'pending', '', '', '', created_at FROM settlement_payout",
        ],
    )
    def test_the_database_refuses(self, statement):
        market = market_with_fees()
        captured(market, [10_000])
        settle()
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert Payout.objects.get().state == PayoutState.SENT


@pytest.mark.django_db(transaction=True)
class TestRace:
    @pytest.fixture
    def two_runs(self, monkeypatch, wait_until):
        """Two runs, the second with an earlier cutoff begun while the first has made its batch and not committed."""
        made = threading.Event()

        def held(*rows):
            if not made.is_set():
                made.set()
                wait_until(somebody_waits_for_a_lock, "the second run to reach the first")
            insert_together(*rows)

        monkeypatch.setattr("market.settlement.services.run.insert_together", held)

        def start() -> dict[str, object]:
            now, outcomes = clock.now(), {}

            def run(name: str, cutoff: datetime.datetime) -> None:
                try:
                    outcomes[name] = run_settlement(actor=SYSTEM, cutoff=cutoff).batches
                except IntegrityError as error:
                    outcomes[name] = error
                finally:
                    connections.close_all()

            first = threading.Thread(target=run, args=["first", now])
            second = threading.Thread(target=run, args=["second", now - SECOND / 1000])
            first.start()
            assert made.wait(10)
            second.start()
            first.join()
            second.join()
            return outcomes

        return start

    def test_without_the_lock_both_take_the_same_captures(self, two_runs, monkeypatch):
        """Only the unique lines then keep the money from leaving twice, at the price of a run that fails."""
        monkeypatch.setattr("market.settlement.services.run.alone", lambda name: None)
        monkeypatch.setattr("market.settlement.services.run.lock_payables", lambda vendor_ids: None)
        market = market_with_fees()
        captured(market, [100] * 20)
        outcomes = two_runs()
        assert outcomes["first"] == 1
        assert isinstance(outcomes["second"], IntegrityError)
        assert Payout.objects.count() == 1

    def test_with_the_lock_the_second_finds_nothing(self, two_runs):
        market = market_with_fees()
        captured(market, [100] * 20)
        assert two_runs() == {"first": 1, "second": 0}
        assert BatchLine.objects.count() == 20
        assert Payout.objects.count() == 1
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 0


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
class TestJob:
    def test_one_job_a_cutoff_however_often_beat_asks(self, clean_redis):
        factories.market(funds=0)
        for _time in range(3):
            tasks.ask_for_run()
        job = Job.objects.get(kind=jobs.RUN)
        assert job.key == clock.business_date(cutoff_due()).isoformat()

    def test_the_job_settles_what_is_due(self, clean_redis):
        market = market_with_fees()
        with clock.frozen_at(cutoff_due() - SECOND):
            captured(market, [100])
        with clock.frozen_at(cutoff_due()):
            (waits,) = captured(market, [200])
        ask_for_run()
        outbox.perform(Job.objects.get(kind=jobs.RUN).id)
        assert Job.objects.get(kind=jobs.RUN).state == JobState.DONE
        assert SettlementBatch.objects.get().gross == 100
        assert Order.objects.get(id=waits).state == OrderState.ACCEPTED

    def test_an_empty_exchange_has_nothing_to_settle(self, clean_redis):
        tasks.ask_for_run()
        outbox.perform(Job.objects.get(kind=jobs.RUN).id)
        assert Job.objects.get(kind=jobs.RUN).state == JobState.DONE


@pytest.mark.django_db
class TestCutoff:
    @pytest.mark.parametrize(
        ("now", "days", "cutoff"),
        [
            ("2026-11-24T01:30:00+00:00", 1, "2026-11-24T00:00:00+08:00"),
            ("2026-11-23T16:30:00+00:00", 1, "2026-11-24T00:00:00+08:00"),  # past midnight in Shanghai
            ("2026-11-22T10:00:00+00:00", 1, "2026-11-20T00:00:00+08:00"),  # a Sunday
            ("2026-11-24T01:30:00+00:00", 3, "2026-11-20T00:00:00+08:00"),
        ],
    )
    def test_cutoff_due(self, now, days, cutoff):
        with clock.frozen_at(datetime.datetime.fromisoformat(now)), override_settings(SETTLEMENT_DAYS=days):
            assert cutoff_due() == datetime.datetime.fromisoformat(cutoff)


@pytest.mark.django_db
class TestCommand:
    def test_settles_and_says_so(self, capsys):
        market = market_with_fees()
        with clock.frozen_at(cutoff_due() - SECOND):
            captured(market, [10_000])
        call_command("settle")
        assert "1 orders in 1 batches, 89.34 yuan net; 1 payouts sent, 0 waiting" in capsys.readouterr().out
        call_command("settle")
        assert "Nothing new" in capsys.readouterr().out

    def test_killed_on_the_way_it_goes_on_where_it_was(self, capsys, monkeypatch):
        """Killed in the captures, then in the run: begun again, it comes to what would have come of it at once."""
        monkeypatch.setattr("market.settlement.services.backlog.CHUNK", 2)
        monkeypatch.setattr("market.settlement.services.run.SLICE_VENDORS", 1)
        market = market_with_fees()
        for _number in range(3):
            accepted_orders(market, [100, 200, 0], offer=other_vendor())
        assert capture_orders(list(Order.objects.filter(amount=100).values_list("id", flat=True))[:1]) == 1

        def killed(step):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            capture_due(progress=killed)
        assert Capture.objects.count() == 3
        assert capture_due() == 3
        with pytest.raises(KeyboardInterrupt):
            run_settlement(actor=SYSTEM, cutoff=clock.now(), progress=killed)
        assert SettlementBatch.objects.count() == 1
        with clock.frozen_at(clock.now() + DAY):
            call_command("settle", "--capture", "--cutoff", clock.business_date().isoformat())
        said = capsys.readouterr().out
        assert "Captured 0 charges" in said
        assert "4 orders settled in 2 batches" in said
        assert list(SettlementBatch.objects.values_list("order_count", "gross")) == [(2, 300)] * 3
        assert Payout.objects.count() == 3
        assert reconcile().is_clean

    def test_a_day_of_ones_own(self):
        market = market_with_fees()
        captured(market, [10_000])
        with clock.frozen_at(clock.now() + DAY):
            call_command("settle", "--cutoff", clock.business_date().isoformat())
        assert SettlementBatch.objects.get().gross == 10_000

    @pytest.mark.parametrize("day", ["0001-01-01", "yesterday", "2026-13-01"])
    def test_refuses_what_is_no_day_of_ours(self, day):
        with pytest.raises(CommandError, match=day):
            call_command("settle", "--cutoff", day)

    def test_refuses_the_future(self):
        factories.market(funds=0)
        with pytest.raises(CommandError, match="must have passed"):
            call_command("settle", "--cutoff", "2999-01-01")


@pytest.mark.django_db
def test_keys_made_in_the_database_are_uuid7():
    with connection.cursor() as cursor:
        cursor.execute("SELECT settlement_uuid7() FROM generate_series(1, 1000)")
        made = [row[0] for row in cursor.fetchall()]
    assert len(set(made)) == 1000
    assert {(key.version, key.variant) for key in made} == {(7, "specified in RFC 4122")}
    milliseconds = [key.int >> 80 for key in made]
    assert milliseconds == sorted(milliseconds)
    assert abs(milliseconds[0] / 1000 - datetime.datetime.now(datetime.UTC).timestamp()) < 60
