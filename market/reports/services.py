"""Reports: ask for one, write it, hand out the file."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_state
from market.kernel.errors import InvalidInput
from market.outbox import services as outbox
from market.outbox.errors import Hopeless
from market.outbox.models import Job
from market.reports import csv_stream
from market.reports.errors import ReportFileMissing, ReportNotReady, TooManyReports
from market.reports.exporters import Exporter, exporter_of
from market.reports.jobs import EXPORT
from market.reports.models import Report
from market.reports.selectors import require_supervisor
from market.reports.states import REPORT_MOVES, ReportState

MAX_UNFINISHED = 10
"""Reports that one organisation may have in the queue, so that exports leave workers for the trade."""

PROGRESS_SECONDS = 1.0


def request_report(
    *,
    actor: Actor,
    exporter: str,
    parameters: Mapping[str, Any],
    also_insert: Callable[[Report], models.Model] | None = None,
) -> Report:
    """Queue an export. ``parameters`` are plain JSON values, checked by the exporter's own rules.

    ``also_insert`` gives one more row for the same statement (the idempotent reply). Raises ``Forbidden``,
    ``InvalidInput`` (pointers ``/exporter``, ``/parameters/...``), ``TooManyReports``.
    """
    require_supervisor(actor)
    chosen = exporter_of(exporter)
    if chosen is None:
        raise InvalidInput(errors={"/exporter": _("There is no such kind of report.")})
    asked = Report(
        organization_id=actor.organization_id,
        requested_by_id=actor.user_id,
        exporter=chosen.identifier,
        parameters=_checked(chosen, parameters),
    )
    with transaction.atomic():
        unfinished = Report.objects.filter(
            organization_id=actor.organization_id, state__in=[ReportState.QUEUED, ReportState.RUNNING]
        ).count()
        if unfinished >= MAX_UNFINISHED:
            raise TooManyReports(_("Wait until one of them is ready, then ask again."), limit=MAX_UNFINISHED)
        insert_together(
            asked,
            also_insert(asked) if also_insert else None,
            outbox.job(EXPORT, key=str(asked.id), subject_id=asked.id),
            event(
                "report.requested",
                actor=actor,
                subject=("report", asked.id),
                payload={"exporter": asked.exporter, "parameters": asked.parameters},
            ),
        )
    return asked


def _checked(exporter: Exporter, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the exporter's rules leave them, as plain JSON. Raises ``InvalidInput``."""
    serializer = exporter.parameters(data=dict(parameters))
    if not serializer.is_valid():
        raise InvalidInput(
            errors={
                "/parameters" if name == "non_field_errors" else f"/parameters/{name}": " ".join(map(str, problems))
                for name, problems in serializer.errors.items()
            }
        )
    return {name: serializer.fields[name].to_representation(value) for name, value in serializer.validated_data.items()}


def write(job: Job) -> None:
    """Write the report of a claimed job: file first, then one transaction that points to it and ends the job.

    Each claim writes a file of its own name, so a worker that was killed, or that has lost its lease without noticing,
    leaves nothing that anybody could download; what it left is removed here. Raises ``LeaseLost``.
    """
    report = Report.objects.get(id=job.subject_id)
    if report.state == ReportState.DONE:
        with transaction.atomic():
            outbox.finish(job)
        return
    exporter = exporter_of(report.exporter)
    if exporter is None:
        raise Hopeless(_("This version of the exchange no longer has that kind of report."))
    parameters = exporter.parameters().to_internal_value(report.parameters)
    storage = storages["reports"]
    _remove_leftovers(storage, report)
    _begin(report)
    name = f"{report.id}/{job.fence}.csv"
    try:
        with csv_stream.snapshot() as cursor:
            as_of = clock.now()
            totals = csv_stream.totals(cursor, exporter, parameters)
            progress = _Progress(job, totals["rows"])
            progress(0)
            file = csv_stream.CsvFile(cursor, exporter, parameters, progress)
            name = storage.save(name, file)
        if file.rows != totals["rows"]:
            raise RuntimeError(f"{file.rows} rows were written, {totals['rows']} were counted")
        _complete(job, report, name, file, {"totals": totals, "snapshot_at": as_of})
    except BaseException:
        storage.delete(name)
        raise


def _begin(report: Report) -> None:
    move_state(
        Report.objects.filter(id=report.id),
        REPORT_MOVES,
        ReportState.RUNNING,
        rows_total=None,
        rows_done=0,
        failure_reason="",
        finished_at=None,
    )


class _Progress:
    """Says how far the writing is, at most once a second, each time in a short transaction that also renews the lease:
    only the worker that owns the job can say anything."""

    def __init__(self, job: Job, rows_total: int) -> None:
        self._job = job
        self._said_at = 0.0
        self._rows_total = rows_total

    def __call__(self, rows: int) -> None:
        if time.monotonic() - self._said_at < PROGRESS_SECONDS:
            return
        with transaction.atomic():
            outbox.renew(self._job)
            Report.objects.filter(id=self._job.subject_id).update(rows_done=rows, rows_total=self._rows_total)
        self._said_at = time.monotonic()


def _complete(job: Job, report: Report, name: str, file: csv_stream.CsvFile, facts: dict[str, Any]) -> None:
    with transaction.atomic():
        move_state(
            Report.objects.filter(id=report.id),
            REPORT_MOVES,
            ReportState.DONE,
            storage_name=name,
            bytes=file.size_bytes,
            sha256=file.sha256,
            rows_total=file.rows,
            rows_done=file.rows,
            finished_at=clock.now(),
            **facts,
        )
        insert_together(
            event(
                "report.exported",
                actor=SYSTEM,
                on_behalf_of=report.organization_id,
                subject=("report", report.id),
                payload={"sha256": file.sha256, "bytes": file.size_bytes, "totals": facts["totals"]},
            )
        )
        outbox.finish(job)


def _remove_leftovers(storage: Storage, report: Report) -> None:
    """Delete what earlier claims of this report have left; only a done report has a file, and this one is not done."""
    try:
        _folders, files = storage.listdir(str(report.id))
    except FileNotFoundError:
        return
    for file in files:
        storage.delete(f"{report.id}/{file}")


def fail(*, report_id: uuid.UUID, reason: str) -> None:
    """Give the report up, in the transaction that buries its job. Nothing is left to download."""
    move_state(
        Report.objects.filter(id=report_id),
        REPORT_MOVES,
        ReportState.FAILED,
        failure_reason=reason[:2000],
        finished_at=clock.now(),
    )
    insert_together(
        event("report.failed", actor=SYSTEM, subject=("report", report_id), payload={"reason": reason[:500]})
    )


def open_file(*, report: Report) -> File:
    """The finished file, open for reading. Raises ``ReportNotReady`` or ``ReportFileMissing``."""
    if report.state != ReportState.DONE:
        raise ReportNotReady(_("Ask for the report until its state is done."), state=report.state)
    try:
        return storages["reports"].open(report.storage_name)
    except FileNotFoundError as error:
        raise ReportFileMissing(_("Ask for the report again.")) from error
