"""The export page of auditors and operators."""

import hashlib

import pytest
from django.test import Client

from market.outbox.models import Job
from market.reports.models import Report
from market.reports.states import ReportState
from tests import factories, trades
from tests.reports.conftest import export, run

ADD = "/auditor/reports/report/add/"


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def insider(market) -> Client:
    client = Client()
    client.force_login(market.auditor.user)
    return client


def test_from_the_form_to_the_file(market, insider):
    trades.place(market)
    assert "Movements of money" in page(insider, ADD)
    form = page(insider, f"{ADD}?exporter=transactions")
    assert 'name="vendor"' in form
    assert 'name="date_from"' in form
    filled = {"asked": "yes", "vendor": str(market.vendor.id), "state": "paid", "for_spreadsheet": "on"}
    answer = insider.post(f"{ADD}?exporter=transactions", filled)
    report = Report.objects.get()
    assert answer.url == f"/auditor/reports/report/{report.id}/change/"
    assert report.parameters == {"vendor": str(market.vendor.id), "state": "paid", "for_spreadsheet": True}
    waiting = page(insider, answer.url)
    assert "Waiting for its turn" in waiting
    assert f'hx-get="/auditor/reports/report/{report.id}/progress/" hx-trigger="every 1s"' in waiting
    assert insider.get(f"/auditor/reports/report/{report.id}/file/").status_code == 409
    run(report)
    done = page(insider, answer.url)
    assert "every 1s" not in done
    assert report.sha256 in done
    assert market.vendor.name in done
    assert "10000 = ¥100.00" in done
    file = insider.get(f"/auditor/reports/report/{report.id}/file/")
    assert hashlib.sha256(file.getvalue()).hexdigest() == report.sha256
    assert file["Content-Disposition"].startswith("attachment")


def test_the_progress_part_asks_again_until_the_end(market, insider, auditor):
    report = export(auditor)
    url = f"/auditor/reports/report/{report.id}/progress/"
    Report.objects.filter(id=report.id).update(
        state=ReportState.RUNNING, storage_name="", rows_total=2000, rows_done=500
    )
    running = insider.get(url)
    assert "500 of 2,000 rows" in running.content.decode()
    assert "25%" in running.content.decode()
    assert "HX-Refresh" not in running.headers
    Report.objects.filter(id=report.id).update(state=ReportState.FAILED, failure_reason="The disk is full")
    ended = insider.get(url)
    assert ended.headers["HX-Refresh"] == "true"
    assert "The disk is full" in ended.content.decode()


@pytest.mark.parametrize(
    ("exporter", "filled", "said"),
    [
        ("transactions", {"date_from": "2026-02-02", "date_until": "2026-02-01"}, "before the first"),
        ("transactions", {"date_from": "soon"}, "Date has wrong format"),
        ("transactions", {"vendor": "1"}, "is not a valid UUID"),
        ("transactions", {"vendor": "0192f0c4-7c1e-7a3b-8f00-000000000001"}, "Select a valid choice"),
        ("transactions", {"state": "gone"}, "Select a valid choice"),
        ("events", {"subject": "1"}, "Must be a valid UUID"),
        ("events", {"name": "x" * 100}, "no more than 64"),
    ],
)
def test_what_makes_no_sense_comes_back_beside_its_field(market, insider, exporter, filled, said):
    answer = insider.post(f"{ADD}?exporter={exporter}", {"asked": "yes"} | filled)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Report.objects.exists()
    assert not Job.objects.filter(kind="reports.export").exists()


def test_a_form_draws_only_the_organisation_that_was_chosen(market, insider):
    other = factories.organization("vendor", name="另一家")
    filled = {"asked": "yes", "vendor": str(market.vendor.id), "date_from": "soon"}
    again = insider.post(f"{ADD}?exporter=transactions", filled).content.decode()
    assert str(market.vendor.id) in again
    assert str(other.id) not in again


def test_each_exporter_has_its_form(market, insider):
    for exporter, field in (("transactions", "buyer"), ("transfers", "kind"), ("events", "subject")):
        assert f'name="{field}"' in page(insider, f"{ADD}?exporter={exporter}")
    assert 'name="buyer"' in page(insider, f"{ADD}?exporter=nothing")


def test_organisations_are_found_by_name_and_code(market, insider):
    url = "/auditor/reports/report/organizations/"
    by_name = insider.get(url, {"term": market.vendor.name[:3]}).json()["results"]
    assert str(market.vendor.id) in {found["id"] for found in by_name}
    by_code = insider.get(url, {"term": market.buyer.uscc[:17].lower()}).json()["results"]
    assert [found["id"] for found in by_code] == [str(market.buyer.id)]
    assert insider.get(url, {"term": "no such name"}).json() == {"results": [], "pagination": {"more": False}}


def test_another_organisations_report_is_not_there(market, auditor, insider):
    report = export(auditor)
    other = Client()
    other.force_login(factories.member(factories.organization("regulator"), "auditor").user)
    operator = Client()
    operator.force_login(market.operator.user)
    for stranger, site in ((other, "auditor"), (operator, "admin")):
        base = f"/{site}/reports/report/"
        assert str(report.id) not in page(stranger, base)
        for ending in ("change", "history", "progress", "file"):
            assert stranger.get(f"{base}{report.id}/{ending}/").status_code == 404
    assert str(report.id) in page(insider, "/auditor/reports/report/")


def test_an_operators_finance_clerk_sees_no_reports(market, auditor):
    clerk = Client()
    clerk.force_login(factories.member(market.operator.organization, "finance").user)
    for path in ("", "add/", "organizations/"):
        assert clerk.get(f"/admin/reports/report/{path}").status_code == 403
    assert "/admin/reports/" not in page(clerk, "/admin/")
    assert clerk.post("/admin/reports/report/add/", {"asked": "yes"}).status_code == 403
    assert not Report.objects.exists()
