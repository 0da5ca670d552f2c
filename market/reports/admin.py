"""The export page, and the reports that the own organisation has asked for."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import Organization
from accounts.states import Role
from market.kernel.errors import BusinessError
from market.reports import selectors, services
from market.reports.downloads import file_response
from market.reports.exporters import exporter_of, exporters
from market.reports.forms import form_of
from market.reports.models import Report
from market.reports.states import ReportState
from market.workspaces.acts import show_refusal
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.dashboard import yuan
from market.workspaces.sites import auditor_site, operator_site

ORGANIZATIONS_A_PAGE = 20
COLOURS = {
    ReportState.QUEUED.label: "info",
    ReportState.RUNNING.label: "warning",
    ReportState.DONE.label: "success",
    ReportState.FAILED.label: "danger",
}


@admin.register(Report, site=operator_site)
@admin.register(Report, site=auditor_site)
class ReportAdmin(WorkspaceAdmin):
    """Ask for an export, watch it being written, take the file. Only the organisation that asked sees it."""

    icon = "summarize"
    add_roles = (Role.AUDITOR, Role.OPERATOR)
    list_display = ("created_at", "kind", "state_badge", "rows_done", "size", "requested_by")
    list_filter = ("state", "exporter")
    list_select_related = ("requested_by",)
    fields = (
        "kind",
        "asked_for",
        "requested_by",
        "created_at",
        "snapshot_at",
        "finished_at",
        "totals_shown",
        "size",
        "digest",
        "failure_reason",
    )
    readonly_fields = fields
    change_form_outer_before_template = "reports/progress.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        return selectors.reports_visible_to(self.actor(request)).order_by("-id")

    def has_view_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        return self._may(request, self.add_roles)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.add_roles)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("organizations/", wrap(self.organizations_view), name="reports_report_organizations"),
            path("<path:object_id>/progress/", wrap(self.progress_view), name="reports_report_progress"),
            path("<path:object_id>/file/", wrap(self.file_view), name="reports_report_file"),
            *super().get_urls(),
        ]

    # --- Asking ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        """The export page: choose a kind of report and narrow it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        chosen = exporter_of(request.GET.get("exporter", "")) or exporters()[0]
        form = form_of(chosen, f"{self.admin_site.name}:reports_report_organizations")(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                report = services.request_report(
                    actor=self.actor(request), exporter=chosen.identifier, parameters=form.parameters()
                )
            except BusinessError as error:
                error.errors = {pointer.removeprefix("/parameters"): reason for pointer, reason in error.errors.items()}
                show_refusal(form, error)
            else:
                messages.success(request, _("The report is queued; this page shows how far it is."))
                return HttpResponseRedirect(reverse(f"{self.admin_site.name}:reports_report_change", args=[report.id]))
        context = self.admin_site.each_context(request) | {
            "title": _("Export"),
            "exporters": exporters(),
            "chosen": chosen,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "reports/export.html", context | (extra_context or {}))

    def organizations_view(self, request: HttpRequest) -> JsonResponse:
        """Organisations by the beginning of their name or code, for the form's choices."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        term = request.GET.get("term", "").strip()
        found = Organization.objects.order_by("name", "id")
        if term:
            found = found.filter(name__icontains=term) | found.filter(uscc__istartswith=term)
        page = Paginator(found, ORGANIZATIONS_A_PAGE).get_page(request.GET.get("page"))
        results = [{"id": str(one.id), "text": f"{one.name} · {one.uscc}"} for one in page]
        return JsonResponse({"results": results, "pagination": {"more": page.has_next()}})

    # --- Watching and taking ---

    def _report(self, request: HttpRequest, object_id: str) -> Report:
        if not self.has_view_permission(request):
            raise PermissionDenied
        report = self.get_object(request, unquote(object_id))
        if report is None:
            raise Http404
        return report

    def render_change_form(self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().render_change_form(request, context | {"report": kwargs.get("obj")}, *args, **kwargs)

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that shows how far it is; when the end has come, the whole page is asked for again."""
        report = self._report(request, object_id)
        headers = {"HX-Refresh": "true"} if report.is_ended else {}
        return TemplateResponse(request, "reports/progress.html", {"report": report}, headers=headers)

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The finished file."""
        return file_response(request, self._report(request, object_id))

    # --- Showing ---

    @admin.display(description=_("kind of report"), ordering="exporter")
    def kind(self, report: Report) -> str:
        """The exporter's title."""
        exporter = exporter_of(report.exporter)
        return str(exporter.title) if exporter else report.exporter

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_badge(self, report: Report) -> str:
        """The state, coloured."""
        return ReportState(report.state).label

    @admin.display(description=_("size"), ordering="bytes")
    def size(self, report: Report) -> str | None:
        """Of the file."""
        return filesizeformat(report.bytes) if report.bytes is not None else None

    @admin.display(description=_("SHA-256"))
    def digest(self, report: Report) -> SafeString:
        """In full, to be compared."""
        return format_html('<span class="workspace-code">{}</span>', report.sha256 or "-")

    @admin.display(description=_("asked for"))
    def asked_for(self, report: Report) -> str:
        """The parameters by their labels; organisations by their names."""
        exporter = exporter_of(report.exporter)
        fields = exporter.parameters().fields if exporter else {}
        named = Organization.objects.in_bulk([value for value in report.parameters.values() if _is_key(value)])
        names = {str(key): organization.name for key, organization in named.items()}
        return _facts(
            (fields[name].label if name in fields else name, names.get(str(value), _plain(value)))
            for name, value in report.parameters.items()
        )

    @admin.display(description=_("totals"))
    def totals_shown(self, report: Report) -> str:
        """Row count, and the sums under the names of their columns."""
        exporter = exporter_of(report.exporter)
        names = [name for name in ("rows", *(exporter.sums if exporter else ())) if name in report.totals]
        return _facts((name, _total(name, report.totals[name])) for name in names)


def _facts(pairs: Any) -> str:
    lines = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
    return format_html('<dl class="workspace-facts">{}</dl>', lines) if lines else "-"


def _total(name: str, value: int) -> str:
    return f"{value} = {yuan(value)}" if name.endswith("_fen") else f"{value:,}"


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 36


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return str(value)
