"""The close of a business day: books shut, balances kept, drift found and payments stopped."""

import datetime
import threading

import pytest
import structlog
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounts.states import Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, SamePerson
from market.ledger import services as ledger
from market.ledger.errors import BooksBusy, DayClosed
from market.ledger.models import BalanceSnapshot, ClosedDay, Transfer
from market.ledger.selectors import accounts_visible_to
from market.outbox import services as outbox
from market.outbox.models import Job
from market.outbox.states import JobState
from market.settlement import jobs
from market.settlement.errors import PayoutsStopped, StopNotExplained
from market.settlement.models import DayClose, Payout, PayoutStop, ReconciliationReport, SettlementBatch
from market.settlement.services import (
    ask_for_close,
    ask_for_run,
    check_books,
    close_day,
    explain_stop,
    lift_stop,
    perform_run,
    reconcile,
    run_settlement,
    send_payout,
)
from market.settlement.tasks import BEAT_SCHEDULE
from tests import factories
from tests.concurrency.together import InBackground, together
from tests.settlement.corruption import corrupt, drifted, sql
from tests.settlement.lives import busy_market, completed, settle
from tests.settlement.trades import account_of, collected, market_with_fees

pytestmark = pytest.mark.django_db
YESTERDAY = datetime.timedelta(days=1)
UNGUARDED = ("commission", "vat", "bank")


def business_days_ago(number: int) -> datetime.date:
    return clock.business_date() - datetime.timedelta(days=number)


def days_ago(number: int):
    return clock.frozen_at(clock.now() - datetime.timedelta(days=number))


def shown(account) -> int:
    return accounts_visible_to(SYSTEM).get(id=account.id).amount


def spoiled() -> None:
    corrupt("UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'wallet'", id=None)


def repaired() -> None:
    corrupt("UPDATE ledger_account SET balance = balance - 1 WHERE kind = 'wallet'", id=None)


class TestClose:
    def test_a_clean_day(self):
        busy_market()
        with days_ago(-1):
            (close,) = close_day(actor=SYSTEM)
        assert close.day == business_days_ago(0)
        assert close.report.is_clean and close.report.looked_at > 50
        assert {check["name"] for check in close.report.findings} == {f.check.name for f in reconcile().findings}
        assert AuditEvent.objects.get(name="books.day_closed").payload["day"] == close.day.isoformat()
        assert not PayoutStop.objects.exists()
        assert drifted() == {}

    def test_again_changes_nothing(self):
        with days_ago(1):
            completed(market_with_fees())
        close_day(actor=SYSTEM)
        before = [model.objects.count() for model in (DayClose, ReconciliationReport, BalanceSnapshot, AuditEvent)]
        assert close_day(actor=SYSTEM) == []
        after = [model.objects.count() for model in (DayClose, ReconciliationReport, BalanceSnapshot, AuditEvent)]
        assert before == after

    def test_days_that_were_missed_are_closed_together_in_order(self):
        with days_ago(5):
            market = market_with_fees(funds=1_000_000)
            completed(market, 1)
        close_day(actor=SYSTEM, day=business_days_ago(5))
        with days_ago(3):
            completed(market, 1)
        with days_ago(1):
            completed(market, 1)
        closes = close_day(actor=SYSTEM)
        assert [close.day for close in closes] == [business_days_ago(number) for number in (4, 3, 2, 1)]
        assert len({close.report_id for close in closes}) == 1
        commission = account_of(market.vendor, "commission")
        kept = dict(BalanceSnapshot.objects.filter(account=commission).values_list("day", "balance"))
        # Where nothing moved, nothing is kept.
        assert kept == {business_days_ago(5): 500, business_days_ago(3): 1_000, business_days_ago(1): 1_500}

    def test_a_day_that_is_not_over_is_refused(self):
        for day in (clock.business_date(), business_days_ago(-1)):
            with pytest.raises(InvalidInput):
                close_day(actor=SYSTEM, day=day)
        assert not ClosedDay.objects.exists() and not DayClose.objects.exists()

    def test_midnight_is_that_of_shanghai(self):
        with clock.frozen_at(datetime.datetime(2026, 3, 1, 16, 30, tzinfo=datetime.UTC)):  # 00:30 on 2 March
            (close,) = close_day(actor=SYSTEM)
        assert close.day == datetime.date(2026, 3, 1)
        assert ClosedDay.objects.get().ends_at == datetime.datetime(2026, 3, 1, 16, tzinfo=datetime.UTC)

    def test_only_the_exchanges_treasurers_may(self):
        market = market_with_fees()
        for member in (market.vendor_finance, market.purchaser, market.auditor):
            with pytest.raises(Forbidden):
                close_day(actor=factories.actor_of(member))
        assert not ClosedDay.objects.exists()

    def test_a_close_that_died_half_way_is_finished(self):
        with days_ago(1):
            completed(market_with_fees())
        day = business_days_ago(1)
        ClosedDay.objects.create(day=day, ends_at=clock.business_midnight(day + YESTERDAY))
        (close,) = close_day(actor=SYSTEM)
        assert close.day == day and BalanceSnapshot.objects.exists()


class TestSnapshots:
    def test_a_balance_is_its_snapshot_and_what_came_after(self):
        with days_ago(1):
            market = market_with_fees(funds=1_000_000)
            completed(market, 3)
        accounts = [account_of(market.vendor, "commission"), account_of(market.vendor, "vat")]
        accounts.append(account_of(market.operator.organization, "bank"))
        before = [shown(account) for account in accounts]
        close_day(actor=SYSTEM)
        assert [shown(account) for account in accounts] == before == [1_500, 1_698, -1_000_000]
        completed(market, 1)
        settle()
        assert [shown(account) for account in accounts[:2]] == [2_000, 2_264]
        for organization, kind in ((market.vendor, "commission"), (market.vendor, "vat")):
            assert shown(account_of(organization, kind)) == collected(organization, kind)
        assert drifted() == {}

    def test_reading_begins_at_the_snapshot(self):
        """What lies before it is not read: a snapshot that is off shows, and reconcile names it."""
        with days_ago(1):
            market = market_with_fees()
            completed(market)
        close_day(actor=SYSTEM)
        commission = account_of(market.vendor, "commission")
        corrupt("UPDATE ledger_balancesnapshot SET balance = balance + 7 WHERE account_id = %(id)s", id=commission.id)
        assert shown(commission) == 507
        assert drifted() == {"snapshots": {str(commission.id)}}

    def test_an_old_snapshot_is_checked_too(self):
        with days_ago(3):
            market = market_with_fees()
            completed(market)
        close_day(actor=SYSTEM, day=business_days_ago(3))
        with days_ago(1):
            completed(market)
        close_day(actor=SYSTEM)
        vat = account_of(market.vendor, "vat")
        corrupt(
            "UPDATE ledger_balancesnapshot SET balance = balance - 1 WHERE account_id = %(id)s"
            f" AND day = '{business_days_ago(3)}'",
            id=vat.id,
        )
        assert drifted() == {"snapshots": {str(vat.id)}}

    def test_nothing_is_posted_into_a_closed_day(self):
        market = market_with_fees()
        close_day(actor=SYSTEM)
        before = Transfer.objects.count()
        with days_ago(1), pytest.raises(DayClosed), transaction.atomic():
            factories.fund(market.buyer, 100)
        assert Transfer.objects.count() == before
        factories.fund(market.buyer, 100)

    @pytest.mark.parametrize(
        "table", ["ledger_balancesnapshot", "settlement_dayclose", "settlement_reconciliationreport"]
    )
    def test_what_is_kept_stays(self, table):
        with days_ago(1):
            market_with_fees()
        close_day(actor=SYSTEM)
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = gen_random_uuid()"):
            with pytest.raises(IntegrityError, match="evidence"), transaction.atomic():
                sql(statement)

    def test_a_closed_day_is_not_opened_again(self):
        close_day(actor=SYSTEM)
        for statement in ("DELETE FROM ledger_closedday", "UPDATE ledger_closedday SET day = day - 1"):
            with pytest.raises(IntegrityError), transaction.atomic():
                sql(statement)


def posting_under_way() -> tuple[factories.Market, InBackground, threading.Event]:
    """A deposit of 7.77 into yesterday that has looked and not committed; it ends when the event is set."""
    posted, release = threading.Event(), threading.Event()
    with days_ago(1):
        market = market_with_fees()

    def post() -> None:
        with days_ago(1), transaction.atomic():
            factories.fund(market.buyer, 777)
            posted.set()
            release.wait(timeout=30)

    posting = InBackground(post)
    assert posted.wait(timeout=30)
    return market, posting, release


@pytest.fixture
def stopped():
    """Books that are off by a fen, with a payout that waits and captures that are due."""
    market = market_with_fees(funds=1_000_000)
    with days_ago(4):
        completed(market, 1)
        type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="")
    settle()
    type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="6222021234567890123")
    with days_ago(3):
        completed(market, 1)
    spoiled()
    close_day(actor=SYSTEM)
    return market


class TestStop:
    def test_drift_is_kept_logged_and_stops_payouts(self):
        market_with_fees()
        spoiled()
        with structlog.testing.capture_logs() as logs:
            (close,) = close_day(actor=SYSTEM)
        stop = PayoutStop.objects.get()
        assert stop.report == close.report and close.report.drifted == 2
        (fact,) = next(check["drift"] for check in close.report.findings if check["name"] == "balances")
        assert (fact["expected"], fact["found"]) == (100_000, 100_001)
        (line,) = [line for line in logs if line["event"] == "books.drift"]
        assert line["log_level"] == "error" and line["checks"] == {"zero_sum": 1, "balances": 1}
        assert AuditEvent.objects.get(name="books.drift_found").payload["checks"] == line["checks"]

    def test_nothing_leaves(self, stopped):
        payout, batches = Payout.objects.get(), SettlementBatch.objects.count()
        with pytest.raises(PayoutsStopped) as refusal:
            send_payout(actor=SYSTEM, payout_id=payout.id)
        assert refusal.value.extra["stop"] == str(PayoutStop.objects.get().id)
        with pytest.raises(PayoutsStopped):
            run_settlement(actor=SYSTEM, cutoff=clock.now())
        assert perform_run(clock.business_date().isoformat(), heartbeat=lambda: None).batches == 0
        payout.refresh_from_db()
        assert payout.state == "pending"
        assert SettlementBatch.objects.count() == batches and not Transfer.objects.filter(kind="payout").exists()

    def test_the_database_refuses_too(self, stopped):
        statement = "UPDATE settlement_payout SET state = 'sent', hold = '', sent_at = now(), bank_account = '6222'"
        with pytest.raises(IntegrityError, match="stopped"), transaction.atomic():
            sql(statement)

    def test_two_people_let_payments_leave_again(self, stopped):
        stop, first = PayoutStop.objects.get(), stopped.operator
        second = factories.member(first.organization, Role.FINANCE)
        with pytest.raises(StopNotExplained):
            lift_stop(actor=factories.actor_of(second), stop_id=stop.id, reason="Fine.")
        explain_stop(actor=factories.actor_of(first), stop_id=stop.id, explanation="A test moved a fen.")
        with pytest.raises(SamePerson):
            lift_stop(actor=factories.actor_of(first), stop_id=stop.id, reason="Fine.")
        assert PayoutStop.objects.filter(lifted_at=None).exists()
        repaired()
        lift_stop(actor=factories.actor_of(second), stop_id=stop.id, reason="Looked, and it is as said.")
        send_payout(actor=SYSTEM, payout_id=Payout.objects.get().id)
        names = AuditEvent.objects.filter(subject_id=stop.id).order_by("id").values_list("name", flat=True)
        assert list(names) == ["payouts.stop_explained", "payouts.stop_lifted"]
        job = Job.objects.get(kind=jobs.RUN, subject_id=stop.id)
        assert perform_run(job.key, heartbeat=lambda: None).batches == 1
        with pytest.raises(IllegalTransition):
            lift_stop(actor=factories.actor_of(second), stop_id=stop.id, reason="Again.")
        assert drifted() == {}

    def test_drift_found_after_the_explanation_must_be_explained_again(self, stopped):
        stop, first = PayoutStop.objects.get(), factories.actor_of(stopped.operator)
        second = factories.actor_of(factories.member(stopped.operator.organization, Role.OPERATOR))
        explain_stop(actor=first, stop_id=stop.id, explanation="A test moved a fen.")
        check_books(actor=first)
        assert PayoutStop.objects.count() == 1
        with pytest.raises(StopNotExplained):
            lift_stop(actor=second, stop_id=stop.id, reason="Fine.")
        explain_stop(actor=first, stop_id=stop.id, explanation="It is still that fen.")
        lift_stop(actor=second, stop_id=stop.id, reason="Agreed.")

    def test_only_people_of_the_exchange_decide(self, stopped):
        stop = PayoutStop.objects.get()
        for actor in (SYSTEM, *map(factories.actor_of, (stopped.vendor_finance, stopped.auditor, stopped.purchaser))):
            with pytest.raises(Forbidden):
                explain_stop(actor=actor, stop_id=stop.id, explanation="Nothing to see.")
            with pytest.raises(Forbidden):
                lift_stop(actor=actor, stop_id=stop.id, reason="Nothing to see.")
        with pytest.raises(InvalidInput):
            explain_stop(actor=factories.actor_of(stopped.operator), stop_id=stop.id, explanation=" ")
        stop.refresh_from_db()
        assert stop.explanation == "" and stop.lifted_at is None

    def test_the_database_wants_two_people_and_one_stop(self, stopped):
        stop, person = PayoutStop.objects.get(), stopped.operator.user_id
        for statement in (
            "UPDATE settlement_payoutstop SET explanation = 'x', explained_by_id = %(person)s, explained_at = now(),"
            " lift_reason = 'x', lifted_by_id = %(person)s, lifted_at = now()",
            "UPDATE settlement_payoutstop SET lift_reason = 'x', lifted_by_id = %(person)s, lifted_at = now()",
            "DELETE FROM settlement_payoutstop",
            "INSERT INTO settlement_reconciliationreport SELECT gen_random_uuid(), at, seconds, looked_at, drifted,"
            " findings FROM settlement_reconciliationreport LIMIT 1; INSERT INTO settlement_payoutstop (id, report_id,"
            " opened_at, explanation, lift_reason) SELECT gen_random_uuid(), id, at, '', ''"
            " FROM settlement_reconciliationreport ORDER BY id LIMIT 1",
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                for part in statement.split(";"):
                    sql(part, person=person)
        assert PayoutStop.objects.get().id == stop.id


class TestDoors:
    def test_the_command(self, capsys):
        with days_ago(1):
            market_with_fees()
        call_command("close_day")
        assert f"Closed {business_days_ago(1)}" in capsys.readouterr().out
        call_command("close_day")
        assert "Nothing to close" in capsys.readouterr().out

    def test_the_command_says_drift_with_exit_code_1(self, capsys):
        market_with_fees()
        spoiled()
        with pytest.raises(SystemExit) as ending:
            call_command("close_day")
        assert ending.value.code == 1 and "DRIFT" in capsys.readouterr().out

    def test_beat_comes_before_the_run_and_asks_once_a_day(self):
        minutes = {name: max(entry["schedule"].minute) for name, entry in BEAT_SCHEDULE.items()}
        assert minutes["settlement.ask_for_close"] < minutes["settlement.ask_for_run"]
        ask_for_close()
        ask_for_close()
        assert Job.objects.filter(kind=jobs.CLOSE).count() == 1

    def test_beat_goes_on_asking_for_runs_while_stopped(self, stopped):
        ask_for_run()
        assert Job.objects.filter(kind=jobs.RUN).count() == 1


@pytest.mark.django_db(transaction=True)
class TestMeanwhile:
    def test_the_job_closes_and_ends(self):
        with days_ago(1):
            market_with_fees()
        ask_for_close()
        job = Job.objects.get(kind=jobs.CLOSE)
        outbox.perform(job.id)
        job.refresh_from_db()
        assert job.state == JobState.DONE, job.last_error
        assert DayClose.objects.get().report.is_clean

    def test_without_waiting_a_posting_under_way_is_lost_from_the_snapshot(self, monkeypatch):
        monkeypatch.setattr(ledger.closing, "_await_earlier_postings", lambda: None)
        market, posting, release = posting_under_way()
        close_day(actor=SYSTEM)
        release.set()
        posting.wait()
        bank = account_of(market.operator.organization, "bank")
        assert BalanceSnapshot.objects.get(account=bank).balance == -100_000
        assert collected(market.operator.organization, "bank") == -100_777
        assert drifted() == {"snapshots": {str(bank.id)}}

    def test_the_close_waits_for_postings_under_way_and_for_no_others(self, wait_until):
        market, posting, release = posting_under_way()
        other = factories.organization("buyer")
        closing = InBackground(lambda: close_day(actor=SYSTEM))
        wait_until(lambda: ClosedDay.objects.exists())
        # Who begins now neither waits nor gets into the closed day.
        factories.fund(other, 5)
        with days_ago(1), pytest.raises(DayClosed):
            factories.fund(other, 6)
        assert not BalanceSnapshot.objects.exists()
        release.set()
        assert posting.wait() is None
        assert [close.day for close in closing.wait()] == [business_days_ago(1)]
        bank = account_of(market.operator.organization, "bank")
        assert BalanceSnapshot.objects.get(account=bank).balance == -100_777
        assert shown(bank) == collected(market.operator.organization, "bank") == -100_782
        assert drifted() == {}

    def test_a_posting_that_does_not_end_is_not_waited_for_ever(self, monkeypatch):
        monkeypatch.setattr(ledger.closing, "PATIENCE", 0.2)
        _market, posting, release = posting_under_way()
        with pytest.raises(BooksBusy):
            close_day(actor=SYSTEM)
        assert not DayClose.objects.exists()
        release.set()
        posting.wait()
        assert len(close_day(actor=SYSTEM)) == 1 and drifted() == {}

    def test_two_closes_at_once_are_one(self):
        with days_ago(1):
            completed(market_with_fees())
        results = together([lambda: close_day(actor=SYSTEM)] * 4)
        assert sorted(map(len, results)) == [0, 0, 0, 1]
        assert DayClose.objects.count() == ReconciliationReport.objects.count() == 1
        assert drifted() == {}

    def test_the_look_is_one_moment_also_when_it_writes(self):
        with days_ago(1):
            market_with_fees()
        close_day(actor=SYSTEM)
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone()[0] == "read committed"


class TestSeen:
    def test_the_banner_shows_on_every_page_of_the_exchange_and_on_no_other(self, stopped, client):
        stop = PayoutStop.objects.get()
        for member, site, is_told in (
            (stopped.operator, "admin", True),
            (stopped.auditor, "auditor", True),
            (stopped.lister, "vendor", False),
        ):
            client.force_login(member.user)
            for page in (f"/{site}/", f"/{site}/catalog/product/"):
                body = client.get(page, follow=True).content.decode()
                assert ("payments to vendors are stopped" in body) == is_told, page
                assert (f"/{site}/settlement/payoutstop/{stop.id}/change/" in body) == is_told

    def test_operators_deal_with_it_in_the_workspace(self, stopped, client):
        stop = PayoutStop.objects.get()
        second = factories.member(stopped.operator.organization, Role.OPERATOR)
        page = f"/admin/settlement/payoutstop/{stop.id}"
        client.force_login(stopped.operator.user)
        report = client.get(f"/admin/settlement/reconciliationreport/{stop.report_id}/change/").content.decode()
        (fact,) = next(check["drift"] for check in stop.report.findings if check["name"] == "balances")
        assert f"expected {fact['expected']}, found {fact['found']}" in report and fact["id"] in report
        explained = client.post(f"{page}/acts/explain/", {"explanation": "A test moved a fen.", "confirmed": "yes"})
        assert explained.status_code == 302
        assert client.post(f"{page}/acts/lift/", {"reason": "Mine.", "confirmed": "yes"}).status_code == 404
        client.force_login(second.user)
        assert client.post(f"{page}/acts/check/", {"confirmed": "yes"}).status_code == 302
        assert Job.objects.filter(kind=jobs.CHECK).count() == 1
        assert client.post(f"{page}/acts/lift/", {"reason": "Agreed.", "confirmed": "yes"}).status_code == 302
        assert "are stopped" not in client.get("/admin/").content.decode()

    def test_metrics(self, stopped, client, settings):
        assert client.get("/metrics").status_code == 404
        settings.METRICS_TOKEN = "secret"
        assert client.get("/metrics", headers={"authorization": "Bearer guess"}).status_code == 404
        answer = client.get("/metrics", headers={"authorization": "Bearer secret"})
        lines = answer.content.decode().splitlines()
        assert "qianshu_payouts_stopped 1" in lines
        assert "qianshu_reconciliations_with_drift_total 1" in lines
        assert 'qianshu_reconciliation_drift{check="balances"} 1' in lines
        assert 'qianshu_reconciliation_drift{check="escrow"} 0' in lines
        assert "qianshu_day_close_age_days 1" in lines
