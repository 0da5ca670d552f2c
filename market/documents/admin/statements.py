"""Account statements on the three admin sites: the month, its picture, its movements, and the same as files."""

import datetime
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from market.documents import paging
from market.documents.downloads import statement_response
from market.documents.models import AccountStatement
from market.documents.parameters import PeriodFilters, language_of
from market.documents.periods import Period, month_of
from market.documents.selectors.statements import Statement, page, statement, steps
from market.documents.writers import FORMS, words
from market.kernel import clock
from market.kernel.errors import InvalidInput
from market.ledger.states import GUARDED, AccountKind
from market.settlement.admin import EarningsMembers
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.columns import yuan
from market.workspaces.dashboard import Curve, Curves
from market.workspaces.sites import auditor_site, operator_site, vendor_site

LINES_A_PAGE = 100
CURSOR = paging.CURSOR

MOVED: dict[str, tuple[str | Promise, str | Promise]] = {
    AccountKind.PAYABLE: (gettext_lazy("earned"), gettext_lazy("paid out")),
    AccountKind.RECEIVABLE: (gettext_lazy("repaid"), gettext_lazy("advanced")),
    AccountKind.WALLET: (gettext_lazy("came in"), gettext_lazy("spent")),
    AccountKind.ESCROW: (gettext_lazy("set aside"), gettext_lazy("released or captured")),
}
"""What money in and money out mean to the owner of such an account."""


class ReadStatements:
    """How statements look, on every site."""

    icon = "receipt_long"
    list_display = ("kind", yuan("balance", gettext_lazy("balance (yuan)")), "currency")
    list_filter = ("kind",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountStatement]:
        return super().get_queryset(request).filter(kind__in=GUARDED).select_related("organization")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        files = [
            path(
                f"<path:object_id>/statement.{form}",
                wrap(self._file_view(form)),
                name=f"documents_accountstatement_{form}",
            )
            for form in FORMS
        ]
        return [*files, *super().get_urls()]

    def _account(self, request: HttpRequest, object_id: str) -> AccountStatement:
        if not self.has_view_permission(request):
            raise PermissionDenied
        account = self.get_object(request, unquote(object_id))
        if account is None:
            raise Http404
        return account

    def _file_view(self, form: str) -> Callable[..., HttpResponse]:
        def file_view(request: HttpRequest, object_id: str) -> HttpResponse:
            """The statement as a file, in the language of the page."""
            account = self._account(request, object_id)
            period, _was_understood = _period(request)
            return statement_response(request, account, period, form, language_of({}))

        return file_view

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """The statement of a month, or of the days that were asked for."""
        account = self._account(request, object_id)
        period, was_understood = _period(request)
        if not was_understood:
            messages.warning(request, _("Those days make no sense, so this is the present month."))
        made = statement(account, period)
        lines = page(account, period, after=_position(request), size=LINES_A_PAGE + 1)
        query = {"date_from": period.first, "date_until": period.last}
        more = {**query, CURSOR: paging.cursor_after(lines[LINES_A_PAGE - 1])} if len(lines) > LINES_A_PAGE else None
        context = self.admin_site.each_context(request) | {
            "title": str(account),
            "opts": self.opts,
            "media": self.media,
            "statement": made,
            "sums": [(name, words.grouped(amount)) for name, amount in words.sums(made)],
            "sales": [(name, words.grouped(amount)) for name, amount in words.sales(made)],
            "picture": picture_of(made),
            "header": words.header(),
            "rows": [_row(self.admin_site.name, line) for line in lines[:LINES_A_PAGE]],
            "is_first_page": CURSOR not in request.GET,
            "here": urlencode(query),
            "more": urlencode(more) if more else "",
            "before": _month_before(period),
            "after": _month_after(period),
            "files": [(form.upper(), self._address(account, form)) for form in FORMS],
            "back": reverse(f"{self.admin_site.name}:documents_accountstatement_changelist"),
        }
        return TemplateResponse(request, "documents/statement.html", context | (extra_context or {}))

    def _address(self, account: AccountStatement, form: str) -> str:
        return reverse(f"{self.admin_site.name}:documents_accountstatement_{form}", args=[account.pk])


def _period(request: HttpRequest) -> tuple[Period, bool]:
    """The days that were asked for, and whether they could be understood; else the present month."""
    given = {name: request.GET[name] for name in ("month", "date_from", "date_until") if request.GET.get(name)}
    asked = PeriodFilters(data=given)
    if asked.is_valid():
        return asked.validated_data["period"], True
    return month_of(clock.business_date()), False


def _position(request: HttpRequest) -> paging.Position | None:
    try:
        return paging.position(request.GET.get(CURSOR))
    except InvalidInput:
        return None


def _month_before(period: Period) -> str:
    day = period.first.replace(day=1) - datetime.timedelta(days=1)
    return f"{day:%Y-%m}"


def _month_after(period: Period) -> str:
    """Empty when it has not begun yet."""
    day = month_of(period.last).last + datetime.timedelta(days=1)
    return f"{day:%Y-%m}" if day <= clock.business_date() else ""


def picture_of(made: Statement) -> Curves:
    """Money in, money out and the balance, step by step (yuan, drawn only)."""
    came, went = MOVED[made.account.kind]
    taken = steps(made)
    curves = [
        Curve(_("balance"), [step.balance / 100 for step in taken], "line", "#64748b"),
        Curve(came, [step.credited / 100 for step in taken]),
        Curve(went, [step.debited / 100 for step in taken], colour="#f59e0b"),
    ]
    return Curves(_("Movements (yuan)"), [step.label for step in taken], curves)


def _row(site: str, line: Any) -> dict[str, Any]:
    moment, act, reference, counterparty = words.cells(line)
    return {
        "moment": moment,
        "act": act,
        "reference": reference,
        "url": reverse(f"{site}:orders_order_change", args=[line.subject_id]) if line.subject_type == "order" else "",
        "counterparty": counterparty,
        "credited": words.grouped(line.change) if line.change > 0 else "",
        "debited": words.grouped(-line.change) if line.change < 0 else "",
        "balance": words.grouped(line.balance),
    }


@admin.register(AccountStatement, site=operator_site)
@admin.register(AccountStatement, site=auditor_site)
class AccountStatementAdmin(ReadStatements, WorkspaceAdmin):
    """Every party's statements."""

    list_display = ("organization", *ReadStatements.list_display)
    list_display_links = ("organization",)
    list_filter = ("kind", ("organization", AutocompleteSelectFilter))
    list_filter_sheet = True
    search_fields = ("organization__name", "organization__uscc")


@admin.register(AccountStatement, site=vendor_site)
class OwnStatementAdmin(EarningsMembers, ReadStatements, OrganizationScopedAdmin):
    """The own statements; whoever has one account is led to it."""

    organization_path = "organization_id"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The own accounts."""
        if not request.GET and self.has_view_permission(request):
            # Few vendors ever owe anything: a receivable counts when something moved on it.
            own = list(self.get_queryset(request).exclude(kind=AccountKind.RECEIVABLE, version=0)[:2])
            if len(own) == 1:
                view = f"{self.admin_site.name}:documents_accountstatement_change"
                return HttpResponseRedirect(reverse(view, args=[own[0].pk]))
        return super().changelist_view(request, extra_context)
