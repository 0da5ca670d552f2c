"""An export is whole or it is not there, whatever happens to its worker."""

import os
import signal
import threading

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DatabaseError, IntegrityError, connection, transaction

from market.audit.models import AuditEvent
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import Forbidden, InvalidInput
from market.outbox import services as outbox
from market.outbox.errors import LeaseLost
from market.outbox.models import Job
from market.outbox.states import JobState
from market.reports import csv_stream, services
from market.reports.errors import ReportFileMissing, ReportNotReady, TooManyReports
from market.reports.models import Report
from market.reports.states import ReportState
from tests import factories, trades
from tests.reports.conftest import content, export, lines, run


def ask(actor: Actor, exporter: str = "transactions", **parameters) -> Report:
    return services.request_report(actor=actor, exporter=exporter, parameters=parameters)


def job_of(report: Report) -> Job:
    return Job.objects.get(kind="reports.export", subject_id=report.id)


def files_of(report: Report) -> list[str]:
    try:
        return storages["reports"].listdir(str(report.id))[1]
    except FileNotFoundError:
        return []


def test_asking_leaves_a_report_a_job_and_evidence_together(market, auditor):
    report = ask(auditor, state="paid", date_from="2026-01-01")
    assert (report.state, report.percent, report.organization_id) == ("queued", 0, auditor.organization_id)
    assert report.parameters == {"date_from": "2026-01-01", "for_spreadsheet": False, "state": "paid"}
    assert job_of(report).state == JobState.PENDING
    event = AuditEvent.objects.get(name="report.requested", subject_id=report.id)
    assert event.payload == {"exporter": "transactions", "parameters": report.parameters}
    assert event.actor_user_id == auditor.user_id


@pytest.mark.parametrize("who", ["lister", "vendor_finance", "purchaser"])
def test_only_supervisors_may_ask(market, who):
    with pytest.raises(Forbidden):
        ask(factories.actor_of(getattr(market, who)))
    assert not Report.objects.exists()


def test_an_auditor_of_a_vendor_is_no_supervisor(market):
    actor = Actor(label="x", role="auditor", organization_id=market.vendor.id, capacities=frozenset({"vendor"}))
    with pytest.raises(Forbidden):
        ask(actor)
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("exporter", "parameters", "pointer"),
    [
        ("everything", {}, "/exporter"),
        ("transactions", {"unknown": 1}, "/parameters/unknown"),
        ("transactions", {"state": "gone"}, "/parameters/state"),
        ("transactions", {"vendor": "1"}, "/parameters/vendor"),
        ("transactions", {"date_from": "yesterday"}, "/parameters/date_from"),
        ("transactions", {"date_from": "2026-02-02", "date_until": "2026-02-01"}, "/parameters/date_until"),
        ("transactions", {"date_until": "9999-12-31"}, "/parameters/date_until"),
        ("transactions", {"date_from": "0001-01-01"}, "/parameters/date_from"),
        ("transfers", {"vendor": "0192f0c4-7c1e-7a3b-8f00-000000000001"}, "/parameters/vendor"),
        ("events", {"subject": None}, "/parameters/subject"),
        ("events", {"name": "x" * 65}, "/parameters/name"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_leaves_nothing(market, auditor, exporter, parameters, pointer):
    with pytest.raises(InvalidInput) as refusal:
        ask(auditor, exporter, **parameters)
    assert set(refusal.value.errors) == {pointer}
    assert not Report.objects.exists()
    assert not Job.objects.filter(kind="reports.export").exists()


def test_one_organisation_cannot_fill_the_queue(market, auditor):
    for _report in range(services.MAX_UNFINISHED):
        last = ask(auditor)
    with pytest.raises(TooManyReports):
        ask(auditor)
    other = factories.actor_of(factories.member(factories.organization("regulator"), "auditor"))
    ask(other)
    run(last)
    ask(auditor)


def test_done_means_file_digest_evidence_and_job_done(market, auditor):
    trades.place(market)
    report = export(auditor)
    assert report.state == ReportState.DONE
    assert files_of(report) == [report.storage_name.split("/")[1]]
    assert job_of(report).state == JobState.DONE
    event = AuditEvent.objects.get(name="report.exported", subject_id=report.id)
    assert event.payload == {"sha256": report.sha256, "bytes": report.bytes, "totals": report.totals}
    assert event.actor_label == SYSTEM.label


def test_doing_a_finished_report_again_changes_nothing(market, auditor):
    report = export(auditor)
    before = (report.sha256, report.finished_at, files_of(report))
    Job.objects.filter(subject_id=report.id).update(state=JobState.PENDING, finished_at=None)
    run(report)
    assert (report.sha256, report.finished_at, files_of(report)) == before
    assert AuditEvent.objects.filter(name="report.exported").count() == 1


class Interrupted(Exception):
    pass


def interrupt_after_first_piece(monkeypatch, error: BaseException) -> None:
    """Let the stream break when a piece has been written."""
    chunks = csv_stream.CsvFile.chunks

    def broken(self, chunk_size=None):
        yield next(iter(chunks(self)))
        raise error

    monkeypatch.setattr(csv_stream.CsvFile, "chunks", broken)


def test_an_attempt_that_breaks_leaves_no_file_and_the_next_starts_anew(market, auditor, monkeypatch):
    trades.place(market)
    report = ask(auditor)
    with monkeypatch.context() as patch:
        interrupt_after_first_piece(patch, Interrupted("the disk is full"))
        run(report)
        assert (report.state, report.storage_name, files_of(report)) == (ReportState.RUNNING, "", [])
        with pytest.raises(ReportNotReady):
            services.open_file(report=report)
        assert job_of(report).last_error == "Interrupted: the disk is full"
    Job.objects.filter(subject_id=report.id).update(due_at=job_of(report).created_at)
    run(report)
    assert report.state == ReportState.DONE
    assert len(lines(report)) == 1


def test_after_three_attempts_it_has_failed_and_says_why(market, auditor, monkeypatch):
    report = ask(auditor)
    with monkeypatch.context() as patch:
        interrupt_after_first_piece(patch, Interrupted("the disk is full"))
        for _attempt in range(3):
            Job.objects.filter(subject_id=report.id).update(due_at=job_of(report).created_at)
            run(report)
    assert (report.state, report.failure_reason) == (ReportState.FAILED, "Interrupted: the disk is full")
    assert (report.is_ended, files_of(report)) == (True, [])
    assert job_of(report).state == JobState.DEAD
    assert AuditEvent.objects.filter(name="report.failed", subject_id=report.id).count() == 1
    # An operator mends the disk and sends the dead letter back to work.
    outbox.retry(actor=factories.actor_of(market.operator), job_id=job_of(report).id)
    run(report)
    assert (report.state, report.failure_reason) == (ReportState.DONE, "")


def test_a_kind_of_report_that_is_no_more_fails_at_once(market, auditor):
    report = ask(auditor)
    Report.objects.filter(id=report.id).update(exporter="retired")
    run(report)
    assert report.state == ReportState.FAILED
    assert "no longer" in report.failure_reason


def test_a_worker_that_lost_its_lease_can_finish_nothing(market, auditor, monkeypatch):
    trades.place(market)
    report = ask(auditor)
    job = job_of(report)
    slow = outbox.claim(job.id)
    Job.objects.filter(id=job.id).update(lease_until=job.created_at)
    quick = outbox.claim(job.id)
    services.write(quick)
    report.refresh_from_db()
    done = (report.sha256, report.storage_name, content(report))
    with pytest.raises(LeaseLost):
        # It had read the state before the other finished.
        monkeypatch.setattr(services, "_begin", lambda report: None)
        monkeypatch.setattr(Report.objects, "get", lambda **_lookup: Report(id=report.id, exporter="transactions"))
        monkeypatch.setattr(services, "_remove_leftovers", lambda storage, report: None)
        services.write(slow)
    report.refresh_from_db()
    assert (report.sha256, report.storage_name, content(report)) == done
    assert files_of(report) == [f"{quick.fence}.csv"]


def test_progress_is_seen_by_others_while_it_runs(market, auditor, monkeypatch):
    monkeypatch.setattr(services, "PROGRESS_SECONDS", 0)
    monkeypatch.setattr(csv_stream, "PIECE_BYTES", 1)
    for _order in range(4):
        trades.place(market)
    seen = []
    said = services._Progress.__call__

    def watch(self, rows):
        said(self, rows)
        other = threading.Thread(target=look)
        other.start()
        other.join()

    def look():
        seen.append(Report.objects.get().percent)
        connection.close()

    monkeypatch.setattr(services._Progress, "__call__", watch)
    report = export(auditor)
    assert seen[:5] == [0, 25, 50, 75, 99]
    assert report.percent == 100


def test_a_long_export_keeps_its_lease(market, auditor, monkeypatch, settings):
    monkeypatch.setattr(services, "PROGRESS_SECONDS", 0)
    ends = []
    renew = outbox.renew

    def counting(job):
        renew(job)
        ends.append(Job.objects.get(id=job.id).lease_until)

    monkeypatch.setattr(outbox, "renew", counting)
    export(auditor)
    assert len(ends) >= 2
    assert ends == sorted(ends)


def test_the_file_is_written_by_a_real_worker_even_after_one_was_killed(market, auditor, start_worker, wait_until):
    """The first worker is killed while it reads; the second starts anew and finishes."""
    for _order in range(3):
        trades.place(market)
    report = ask(auditor)
    Job.objects.exclude(subject_id=report.id).delete()
    with transaction.atomic(), connection.cursor() as cursor:
        # The first worker will stand still at this lock, when it has claimed the job.
        cursor.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
        first = start_worker()
        outbox.hint([job_of(report).id])
        wait_until(lambda: job_of(report).state == JobState.RUNNING, "the job to be claimed", 20)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    Job.objects.filter(subject_id=report.id).update(lease_until=job_of(report).created_at, hinted_at=None)
    start_worker()
    wait_until(lambda: Report.objects.get().state == ReportState.DONE, "the report", 30)
    report.refresh_from_db()
    assert job_of(report).attempts == 2
    assert files_of(report) == [report.storage_name.split("/")[1]]
    assert len(lines(report)) == 3


def test_the_file_that_a_killed_worker_left_is_removed(market, auditor):
    report = ask(auditor)
    left = storages["reports"].save(f"{report.id}/0.csv", ContentFile(b"order_number\nQS"))
    run(report)
    assert report.storage_name != left
    assert files_of(report) == [report.storage_name.split("/")[1]]


def test_a_file_that_is_gone_is_said_to_be_gone(market, auditor):
    report = export(auditor)
    storages["reports"].delete(report.storage_name)
    with pytest.raises(ReportFileMissing):
        services.open_file(report=report)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "done"},
        {"storage_name": "x.csv"},
        {"state": "failed"},
        {"state": "done", "bytes": 1, "sha256": "0" * 64, "storage_name": "x", "rows_total": 2, "rows_done": 1},
    ],
)
def test_the_database_refuses_half_a_report(market, auditor, change):
    report = ask(auditor)
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        Report.objects.filter(id=report.id).update(**change)
