"""Invoices in the workspaces: the vendor records them, an operator may, auditors read."""

import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.documents.models import Invoice, TaxDocument
from market.kernel import clock
from tests import factories
from tests.documents import invoicing
from tests.documents.invoicing import captured, issue, requested

pytestmark = pytest.mark.django_db


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def act(site: str, invoice: Invoice, name: str) -> str:
    return f"/{site}/documents/invoice/{invoice.id}/acts/{name}/"


def form(**changes) -> dict:
    paper = SimpleUploadedFile("发票.pdf", invoicing.PDF, content_type="application/pdf")
    given = {"number": invoicing.number(), "code": "", "issued_on": clock.business_date().isoformat(), "file": paper}
    return given | {"confirmed": "yes"} | changes


@pytest.mark.parametrize("site", ["vendor", "admin"])
def test_an_invoice_is_recorded_read_and_taken_back(site):
    market, made = captured(1)
    invoice = requested(market, *made)
    client = signed_in(market.vendor_finance if site == "vendor" else market.operator)
    page = client.get(f"/{site}/documents/invoice/{invoice.id}/change/").content.decode()
    for text in ("100.00", "5.66", market.buyer.name, invoicing.TAX_NUMBER):
        assert text in page, text
    assert client.get(act(site, invoice, "red-letter")).status_code == 404
    asked = client.get(act(site, invoice, "issue")).content.decode()
    assert "100.00" in asked and "5.66" in asked
    assert client.post(act(site, invoice, "issue"), form()).status_code == 302
    document = TaxDocument.objects.get()
    assert document.number in client.get(f"/{site}/documents/invoice/{invoice.id}/change/").content.decode()
    file = client.get(f"/{site}/documents/taxdocument/{document.id}/file/")
    assert b"".join(file.streaming_content) == invoicing.PDF
    assert client.get(act(site, invoice, "issue")).status_code == 404

    refused = client.post(act(site, invoice, "red-letter"), form(amount="100.01"))
    assert (refused.status_code, TaxDocument.objects.count()) == (200, 1)
    assert "100.00" in refused.content.decode()
    assert client.post(act(site, invoice, "red-letter"), form(amount="1e5")).status_code == 200
    assert client.post(act(site, invoice, "red-letter"), form(amount="100")).status_code == 302
    assert sorted(TaxDocument.objects.values_list("colour", "amount")) == [("blue", 10_000), ("red", 10_000)]
    assert client.get(act(site, invoice, "red-letter")).status_code == 404


def test_what_is_wrong_stands_beside_its_field():
    market, made = captured(1)
    invoice = requested(market, *made)
    tomorrow = (clock.business_date() + datetime.timedelta(days=1)).isoformat()
    paper = SimpleUploadedFile("发票.pdf", b"MZ")
    given = form(number="1234", issued_on=tomorrow, file=paper)
    answer = signed_in(market.vendor_finance).post(act("vendor", invoice, "issue"), given)
    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {"number", "issued_on", "file"}
    assert not TaxDocument.objects.exists()


def test_a_request_is_rejected_with_a_reason():
    market, made = captured(1)
    invoice = requested(market, *made)
    client = signed_in(market.vendor_finance)
    assert client.post(act("vendor", invoice, "reject"), {"reason": "", "confirmed": "yes"}).status_code == 200
    assert client.post(act("vendor", invoice, "reject"), {"reason": "抬头有误", "confirmed": "yes"}).status_code == 302
    invoice.refresh_from_db()
    assert (invoice.state, invoice.reason) == ("rejected", "抬头有误")


def test_others_do_not_see_it_and_auditors_touch_nothing():
    market, made = captured(1)
    invoice = requested(market, *made)
    document = issue(market, invoice)
    other = factories.member(factories.organization(Capacity.VENDOR), Role.OWNER)
    for path in (f"invoice/{invoice.id}/change/", f"taxdocument/{document.id}/file/"):
        assert signed_in(other).get(f"/vendor/documents/{path}").status_code == 404
        assert signed_in(market.lister).get(f"/vendor/documents/{path}").status_code == 403
        assert signed_in(market.auditor).get(f"/auditor/documents/{path}").status_code == 200
    assert signed_in(market.auditor).post(act("auditor", invoice, "red-letter"), form(amount="1")).status_code == 404
    profile = market.buyer.invoice_profile
    assert signed_in(market.auditor).get(f"/auditor/documents/invoiceprofile/{profile.id}/change/").status_code == 200
