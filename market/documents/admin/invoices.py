"""Invoices on the three admin sites: the vendor, or an operator for it, records what the tax system issued."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from market.documents import services
from market.documents.downloads import document_response
from market.documents.forms import IssueForm, RedLetterForm
from market.documents.models import Invoice, InvoiceLine, InvoiceProfile, TaxDocument
from market.documents.selectors.invoices import left_of, owed_to_red_letters, with_refunds
from market.documents.services.issuing import may_answer
from market.documents.states import Colour, InvoiceState
from market.documents.writers.words import grouped
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.money import to_text
from market.settlement.admin import EarningsMembers
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScope, OrganizationScopedAdmin, WorkspaceAdmin, WorkspaceInline
from market.workspaces.columns import yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

LINES_A_PAGE = 50
AMOUNT, VAT = yuan("amount", _("amount (yuan)")), yuan("vat", _("VAT (yuan)"))
REFUNDED = yuan("refunded", _("went back to the buyer (yuan)"))


class LinesInline(WorkspaceInline):
    """What the invoice is about, a page at a time."""

    model = InvoiceLine
    verbose_name_plural = _("orders")
    per_page = LINES_A_PAGE
    hide_title = True
    fields = ("order_number", AMOUNT, VAT, "released_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        return super().get_queryset(request).select_related("order")

    @admin.display(description=_("order number"))
    def order_number(self, line: InvoiceLine) -> SafeString:
        url = reverse(f"{self.admin_site.name}:orders_order_change", args=[line.order_id])
        return format_html('<a class="text-link workspace-code" href="{}">{}</a>', url, line.order.number)


class OwnLinesInline(EarningsMembers, OrganizationScope, LinesInline):
    """Of the own invoices."""


class ReadInvoices:
    """How requests look, on every site."""

    icon = "receipt"
    list_display = ("requested_at", "state", "buyer_org", "kind", AMOUNT, VAT, REFUNDED)
    list_display_links = ("requested_at",)
    list_filter = ("state", "kind", ("requested_at", BusinessDayFilter))
    list_select_related = ("buyer_org", "vendor_org")
    search_fields = ("title", "tax_number", "documents__number")
    search_help_text = _("Title, tax number, or the number of an invoice")
    fields = (
        "state", "buyer_org", "vendor_org", "kind", "title", "tax_number", AMOUNT, VAT, REFUNDED, "currency",
        "recorded", "requested_at", "reason", "ended_at", "id",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (LinesInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return with_refunds(super().get_queryset(request).select_related("buyer_org", "vendor_org"))

    @admin.display(description=_("issued invoices"))
    def recorded(self, invoice: Invoice) -> SafeString | str:
        """Each with a link to its file."""
        lines = [
            (
                Colour(document.colour).label,
                reverse(f"{self.admin_site.name}:documents_taxdocument_change", args=[document.id]),
                str(document),
                document.issued_on,
                grouped(document.amount),
            )
            for document in invoice.documents.order_by("id")
        ]
        row = '<div>{} <a class="text-link workspace-code" href="{}">{}</a> · {} · {}</div>'
        return format_html_join("", row, lines) or "-"


def _issue(actor: Actor, invoice: Invoice, given: dict[str, Any]) -> None:
    services.issue_invoice(actor=actor, invoice_id=invoice.id, **given)


def _red_letter(actor: Actor, invoice: Invoice, given: dict[str, Any]) -> None:
    services.red_letter(actor=actor, invoice_id=invoice.id, **given)


def _reject(actor: Actor, invoice: Invoice, given: dict[str, Any]) -> None:
    services.reject_invoice(actor=actor, invoice_id=invoice.id, reason=given["reason"])


def _waits(actor: Actor, invoice: Invoice) -> bool:
    return invoice.state == InvoiceState.REQUESTED and may_answer(actor, invoice)


def _can_be_taken_back(actor: Actor, invoice: Invoice) -> bool:
    is_issued = invoice.state in (InvoiceState.ISSUED, InvoiceState.RED_LETTERED)
    return is_issued and may_answer(actor, invoice) and left_of(invoice) > 0


def _today(actor: Actor, invoice: Invoice) -> dict[str, Any]:
    return {"issued_on": clock.business_date()}


def _what_went_back(actor: Actor, invoice: Invoice) -> dict[str, Any]:
    owed = owed_to_red_letters(invoice)
    return _today(actor, invoice) | ({"amount": to_text(owed)} if owed else {})


ACTS = (
    Act(
        "issue",
        _("Record the invoice"),
        _issue,
        _waits,
        form_class=IssueForm,
        explanation=_("For the whole amount, with the VAT shown here, made out to this title and tax number."),
        initial=_today,
    ),
    Act(
        "reject",
        _("Reject"),
        _reject,
        _waits,
        form_class=ReasonForm,
        explanation=_("The buyer reads the reason and may ask again."),
        is_dangerous=True,
    ),
    Act(
        "red-letter",
        _("Record a red-letter invoice"),
        _red_letter,
        _can_be_taken_back,
        form_class=RedLetterForm,
        explanation=_("It takes back the invoice, in whole or in part. When nothing is left, the buyer may ask again."),
        is_dangerous=True,
        initial=_what_went_back,
    ),
)


@admin.register(Invoice, site=operator_site)
class InvoiceAdmin(ReadInvoices, WorkspaceAdmin):
    """Every request; an operator may answer for a vendor."""

    list_display = ("requested_at", "state", "vendor_org", *ReadInvoices.list_display[2:])
    acts = ACTS


@admin.register(Invoice, site=auditor_site)
class AuditedInvoiceAdmin(ReadInvoices, WorkspaceAdmin):
    """Every request, to read."""

    list_display = InvoiceAdmin.list_display


@admin.register(Invoice, site=vendor_site)
class OwnInvoiceAdmin(EarningsMembers, ReadInvoices, OrganizationScopedAdmin):
    """What the own buyers want invoiced."""

    inlines = (OwnLinesInline,)
    acts = ACTS


class ReadDocuments:
    """How issued invoices look, on every site."""

    icon = "description"
    list_display = ("number", "code", "colour", "issued_on", AMOUNT, "recorded_at")
    list_filter = ("colour", ("recorded_at", BusinessDayFilter))
    search_fields = ("number",)
    fields = (
        "colour", "number", "code", "issued_on", AMOUNT, "invoice", "file", "media_type", "bytes", "sha256",
        "recorded_at", "id",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaxDocument]:
        return super().get_queryset(request).select_related("invoice")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<path:object_id>/file/", view, name="documents_taxdocument_file"), *super().get_urls()]

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file as it was recorded."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        document = self.get_object(request, unquote(object_id))
        if document is None:
            raise Http404
        return document_response(request, document)

    @admin.display(description=_("file"))
    def file(self, document: TaxDocument) -> SafeString:
        """A link to it."""
        url = reverse(f"{self.admin_site.name}:documents_taxdocument_file", args=[document.id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, _("Download"))


@admin.register(TaxDocument, site=operator_site)
@admin.register(TaxDocument, site=auditor_site)
class TaxDocumentAdmin(ReadDocuments, WorkspaceAdmin):
    """Every issued invoice, to read."""


@admin.register(TaxDocument, site=vendor_site)
class OwnDocumentAdmin(EarningsMembers, ReadDocuments, OrganizationScopedAdmin):
    """What was issued to the own buyers."""

    organization_path = "invoice__vendor_org_id"


@admin.register(InvoiceProfile, site=operator_site)
@admin.register(InvoiceProfile, site=auditor_site)
class InvoiceProfileAdmin(WorkspaceAdmin):
    """What buyers' invoices are made out to, to read."""

    icon = "badge"
    list_display = ("organization", "title", "tax_number", "updated_at")
    list_select_related = ("organization",)
    search_fields = ("title", "tax_number", "organization__name")
    fields = ("organization", "title", "tax_number", "updated_at", "id")
    readonly_fields = fields
