"""Contracts on the three admin sites: every version to read, as the frozen document and in words."""

import hashlib
import json
from collections.abc import Iterable

from django.contrib.admin import display, register
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from market.orders.contracts import LANGUAGES
from market.orders.downloads import contract_response
from market.orders.models import OrderTerms
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

FORMS = (
    ("html", "zh-hans", "中文"),
    ("pdf", "zh-hans", "中文 PDF"),
    ("html", "en", "English"),
    ("pdf", "en", "English PDF"),
)
"""In which forms a contract can be opened; a language is named in itself."""


def contract_lines(site: AdminSite, versions: Iterable[OrderTerms]) -> SafeString:
    """One line a version: its hash, leading to the frozen document, and the contract in words."""
    lines = (
        (
            terms.version,
            reverse(f"{site.name}:orders_orderterms_change", args=[terms.id]),
            terms.sha256,
            contract_links(site, terms),
        )
        for terms in versions
    )
    return format_html_join("", '<div>v{}: <a class="text-link workspace-code" href="{}">{}</a><br>{}</div>', lines)


def contract_links(site: AdminSite, terms: OrderTerms) -> SafeString:
    """Links to the contract in words, each in a tab of its own."""
    return format_html_join(
        " · ",
        '<a class="text-link" target="_blank" href="{}?language={}">{}</a>',
        (
            (reverse(f"{site.name}:orders_orderterms_contract_{form}", args=[terms.id]), language, name)
            for form, language, name in FORMS
        ),
    )


class ReadTerms:
    """How contracts look, on every site."""

    icon = "contract"
    list_display = ("order", "version", "sha256", "created_at")
    list_filter = (("created_at", BusinessDayFilter),)
    list_select_related = ("order",)
    search_fields = ("sha256",)
    search_help_text = _("SHA-256 of the document, or the order's number")
    fields = (
        "order", "version", "sha256", "is_what_was_hashed", "created_at", "in_words", "readable_document", "document",
    )  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/contract.html", wrap(self.html_view), name="orders_orderterms_contract_html"),
            path("<path:object_id>/contract.pdf", wrap(self.pdf_view), name="orders_orderterms_contract_pdf"),
            *super().get_urls(),
        ]

    def html_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The contract as a page."""
        return self._contract(request, object_id, "html")

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The contract as a PDF."""
        return self._contract(request, object_id, "pdf")

    def _contract(self, request: HttpRequest, object_id: str, form: str) -> HttpResponse:
        terms = self.get_object(request, unquote(object_id))
        if terms is None:
            raise Http404
        language = request.GET.get("language", "")
        return contract_response(request, terms, language if language in LANGUAGES else get_language(), form)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OrderTerms], search_term: str
    ) -> tuple[QuerySet[OrderTerms], bool]:
        """Whole numbers and hashes only, so that an index answers whatever the size of the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        by_number = queryset.filter(order__number=term.upper())
        return (by_number if by_number.exists() else queryset.filter(order__terms_sha256=term.lower())), False

    @display(description=_("the document is what was hashed"), boolean=True)
    def is_what_was_hashed(self, terms: OrderTerms) -> bool:
        return hashlib.sha256(terms.document.encode()).hexdigest() == terms.sha256

    @display(description=_("contract in words"))
    def in_words(self, terms: OrderTerms) -> SafeString:
        return contract_links(self.admin_site, terms)

    @display(description=_("in readable form"))
    def readable_document(self, terms: OrderTerms) -> SafeString:
        text = json.dumps(json.loads(terms.document), ensure_ascii=False, indent=2)
        return format_html('<pre class="workspace-code">{}</pre>', text)


@register(OrderTerms, site=operator_site)
@register(OrderTerms, site=auditor_site)
class OrderTermsAdmin(ReadTerms, WorkspaceAdmin):
    """Every contract, to read."""


@register(OrderTerms, site=vendor_site)
class SaleTermsAdmin(ReadTerms, OrganizationScopedAdmin):
    """The contracts of the vendor's own sales."""

    organization_path = "order__vendor_org_id"
