import csv
import io

import pytest
from django.core.files.storage import storages

from market.kernel.actors import Actor
from market.outbox import services as outbox
from market.outbox.models import Job
from market.reports import services
from market.reports.models import Report
from tests import factories


@pytest.fixture
def market(transactional_db) -> factories.Market:
    """Transactional: an export reads through a connection of its own, which sees only what is committed."""
    return factories.market()


@pytest.fixture
def auditor(market) -> Actor:
    return factories.actor_of(market.auditor)


def run(report: Report) -> Report:
    """Do the report's job here and now."""
    outbox.perform(Job.objects.get(kind="reports.export", subject_id=report.id).id)
    report.refresh_from_db()
    return report


def export(actor: Actor, exporter: str = "transactions", **parameters) -> Report:
    """Ask for a report and have it written."""
    return run(services.request_report(actor=actor, exporter=exporter, parameters=parameters))


def content(report: Report) -> bytes:
    """The file as it is in the store."""
    with storages["reports"].open(report.storage_name) as file:
        return file.read()


def lines(report: Report) -> list[dict[str, str]]:
    """The file as a reader of CSV sees it."""
    text = content(report).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))
