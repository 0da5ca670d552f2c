"""The close of a business day: its books are shut, then looked at, and drift stops payments to vendors."""

import dataclasses
import datetime
import time
import uuid
from collections.abc import Callable

import structlog
from django.db import IntegrityError, transaction

from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, one_moment, violated_constraint
from market.kernel.identifiers import uuid7
from market.ledger.models import ClosedDay
from market.ledger.services import close_books
from market.outbox.models import Job
from market.outbox.services import job
from market.settlement import jobs
from market.settlement.models import DayClose, PayoutStop, ReconciliationReport
from market.settlement.services.books import Finding, reconcile
from market.settlement.services.payouts import require_treasurer

logger = structlog.get_logger(__name__)

ONE_DAY = datetime.timedelta(days=1)


def day_to_close() -> datetime.date:
    """The last business day (Asia/Shanghai) that is over."""
    return clock.business_date() - ONE_DAY


def close_day(
    *, actor: Actor, day: datetime.date | None = None, in_transaction: Callable[[], object] = lambda: None
) -> list[DayClose]:
    """Close every business day up to ``day`` (yesterday by default) that is not closed yet; oldest first.

    Their books are shut and the balances of unguarded accounts kept (``ledger.services.close_books``); then everything
    is derived again, and the report is kept with the closes in one transaction, in which ``in_transaction`` is called
    first. Drift is logged as an error and stops payments (``PayoutStop``). Days that were missed are closed together
    under one report. Again, or twice at once: nothing new.

    Raises ``InvalidInput`` for a day that is not over, ``BooksBusy`` when postings of that day do not end,
    ``Forbidden``.
    """
    require_treasurer(actor)
    day = day or day_to_close()
    close_books(through=day)
    try:
        with one_moment(read_only=False) as is_ours:
            in_transaction()
            days = list(_days_to_report(day))
            return _close(actor, days, is_ours) if days else []
    except IntegrityError as error:
        if violated_constraint(error) != "day_close_once":
            raise
        return []  # somebody else closed them while this looked


def _days_to_report(through: datetime.date) -> list[datetime.date]:
    closed = ClosedDay.objects.filter(day__lte=through, snapshots_at__isnull=False)
    return list(closed.exclude(day__in=DayClose.objects.values("day")).order_by("day").values_list("day", flat=True))


def _close(actor: Actor, days: list[datetime.date], is_ours: bool) -> list[DayClose]:
    report = _report(is_ours)
    closes = [DayClose(day=day, report=report) for day in days]
    proofs = [
        event(
            "books.day_closed",
            actor=actor,
            subject=("day_close", close.id),
            payload={"day": close.day.isoformat(), "report": str(report.id), "drifted": report.drifted},
        )
        for close in closes
    ]
    _keep(actor, report, closes, proofs)
    return closes


def check_books(*, actor: Actor, in_transaction: Callable[[], object] = lambda: None) -> ReconciliationReport:
    """Look at the books now, keep what is found, and stop payments on drift, as at the close of a day."""
    require_treasurer(actor)
    with one_moment(read_only=False) as is_ours:
        in_transaction()
        report = _report(is_ours)
        _keep(actor, report, [], [])
    return report


def _report(is_ours: bool) -> ReconciliationReport:
    began = time.monotonic()
    found = reconcile(is_shared=is_ours)
    return ReconciliationReport(
        at=found.at,
        seconds=round(time.monotonic() - began, 3),
        looked_at=sum(finding.looked_at for finding in found.findings),
        drifted=sum(finding.drifted for finding in found.findings),
        findings=[_document(finding) for finding in found.findings],
    )


def _document(finding: Finding) -> dict:
    drift = [
        {("object" if name == "kind" else "id" if name == "key" else name): value for name, value in fact.items()}
        for fact in map(dataclasses.asdict, finding.drift)
    ]
    return {
        "name": finding.check.name,
        "looked_at": finding.looked_at,
        "drifted": finding.drifted,
        "drift": drift,
    }


def _keep(actor: Actor, report: ReconciliationReport, *rows: list) -> None:
    stop = None
    if report.drifted and not PayoutStop.objects.filter(lifted_at=None).exists():
        stop = PayoutStop(report=report)
    checks = {check["name"]: check["drifted"] for check in report.findings if check["drifted"]}
    proof = None
    if report.drifted:
        proof = event(
            "books.drift_found",
            actor=actor,
            subject=("reconciliation_report", report.id),
            payload={"drifted": report.drifted, "checks": checks, "stopped_payouts": stop is not None},
        )
        logger.error("books.drift", report=str(report.id), drifted=report.drifted, checks=checks)
    else:
        logger.info("books.clean", report=str(report.id), looked_at=report.looked_at, seconds=report.seconds)
    insert_together(report, *rows, stop, proof)


def ask_for_close() -> None:
    """Record the job that closes yesterday and whatever was missed before; asked again, it is the same job."""
    _ask(jobs.CLOSE, day_to_close().isoformat())


def ask_for_check(*, actor: Actor) -> None:
    """Record a job that looks at the books now, for an operator who has repaired something."""
    require_treasurer(actor)
    _ask(jobs.CHECK, str(uuid7()))


def _ask(kind: str, key: str) -> None:
    with transaction.atomic():
        wanted = job(kind, key=key, subject_id=uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{key}"))
        Job.objects.bulk_create([wanted], ignore_conflicts=True)


def perform_close(day: str, in_transaction: Callable[[], object]) -> None:
    """What the job asks for: close every day up to ``day`` (ISO 8601)."""
    close_day(actor=SYSTEM, day=datetime.date.fromisoformat(day), in_transaction=in_transaction)
