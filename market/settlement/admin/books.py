"""The books' health: what each look at them found, the closed days, and what is stopped."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.states import Role
from market.kernel.actors import Actor
from market.kernel.words import MAX_REASON
from market.settlement import services
from market.settlement.checks import CHECKS
from market.settlement.models import DayClose, PayoutStop, ReconciliationReport
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.sites import auditor_site, operator_site

CLAIMS = {check.name: check.claim for check in CHECKS}
ROW = (
    '<tr><td class="pr-4 py-1">{}</td><td class="pr-4 py-1 text-right">{}</td>'
    '<td class="py-1 text-right {}">{}</td></tr>'
)
FACT = '<li><span class="workspace-code">{} {}</span> {}: {}: {} {}, {} {}</li>'


class ReadReports:
    """How reconciliations look, on every site."""

    icon = "balance"
    list_display = ("at", "outcome", "looked_at", "drifted", "seconds")
    list_display_links = ("at",)
    fields = ("at", "outcome", "looked_at", "drifted", "seconds", "checks", "drift", "id")
    readonly_fields = fields

    @admin.display(description=_("outcome"))
    def outcome(self, report: ReconciliationReport) -> str:
        return str(_("Every fen adds up") if report.is_clean else _("Drift"))

    @admin.display(description=_("what must hold"))
    def checks(self, report: ReconciliationReport) -> str:
        rows = format_html_join(
            "",
            ROW,
            (
                (
                    CLAIMS.get(check["name"], check["name"]),
                    f"{check['looked_at']:,}",
                    "text-red-600 font-semibold" if check["drifted"] else "",
                    f"{check['drifted']:,}" if check["drifted"] else "—",
                )
                for check in report.findings
            ),
        )
        return format_html("<table>{}</table>", rows)

    @admin.display(description=_("what drifted (amounts in fen)"))
    def drift(self, report: ReconciliationReport) -> str:
        facts = format_html_join(
            "",
            FACT,
            (
                (
                    fact["object"],
                    fact["id"],
                    fact["label"],
                    fact["fact"],
                    _("expected"),
                    fact["expected"],
                    _("found"),
                    fact["found"],
                )  # fmt: skip
                for check in report.findings
                for fact in check["drift"]
            ),
        )
        return format_html("<ul>{}</ul>", facts) if facts else "—"


@admin.register(ReconciliationReport, site=operator_site)
@admin.register(ReconciliationReport, site=auditor_site)
class ReportAdmin(ReadReports, WorkspaceAdmin):
    pass


@admin.register(DayClose, site=operator_site)
@admin.register(DayClose, site=auditor_site)
class DayCloseAdmin(WorkspaceAdmin):
    icon = "event_available"
    list_display = ("day", "report", "is_clean", "closed_at")
    list_select_related = ("report",)
    fields = ("day", "report", "closed_at")
    readonly_fields = fields

    @admin.display(description=_("every fen adds up"), boolean=True)
    def is_clean(self, close: DayClose) -> bool:
        return close.report.is_clean


class ExplanationForm(forms.Form):
    """What happened to the books."""

    explanation = forms.CharField(
        label=_("What happened and what was done"),
        min_length=2,
        max_length=MAX_REASON,
        widget=UnfoldAdminTextareaWidget,
    )


class ReadStops:
    """How stops look, on every site."""

    icon = "block"
    list_display = ("opened_at", "report", "explained_by", "lifted_by", "lifted_at")
    list_display_links = ("opened_at",)
    list_select_related = ("report", "explained_by", "lifted_by")
    fields = (
        "opened_at",
        "report",
        "explanation",
        "explained_by",
        "explained_at",
        "lift_reason",
        "lifted_by",
        "lifted_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[PayoutStop]:
        return super().get_queryset(request).select_related(*self.list_select_related)


def _may_deal(actor: Actor, stop: PayoutStop) -> bool:
    return actor.role in (Role.OPERATOR, Role.FINANCE) and stop.lifted_at is None


def _may_lift(actor: Actor, stop: PayoutStop) -> bool:
    return _may_deal(actor, stop) and stop.explained_at is not None and stop.explained_by_id != actor.user_id


def _explain(actor: Actor, stop: PayoutStop, answers: dict[str, Any]) -> None:
    services.explain_stop(actor=actor, stop_id=stop.id, **answers)


def _lift(actor: Actor, stop: PayoutStop, answers: dict[str, Any]) -> None:
    services.lift_stop(actor=actor, stop_id=stop.id, **answers)


def _check(actor: Actor, stop: PayoutStop, answers: dict[str, Any]) -> None:
    services.ask_for_check(actor=actor)


@admin.register(PayoutStop, site=operator_site)
class StopAdmin(ReadStops, WorkspaceAdmin):
    acts = (
        Act(
            "check",
            _("Look at the books again"),
            _check,
            _may_deal,
            explanation=_("A worker derives everything again; its report appears among the reconciliations."),
        ),
        Act("explain", _("Explain"), _explain, _may_deal, form_class=ExplanationForm),
        Act(
            "lift",
            _("Let payments leave"),
            _lift,
            _may_lift,
            form_class=ReasonForm,
            explanation=_("You have read the explanation and the last reconciliation. What is due is settled at once."),
            is_dangerous=True,
        ),
    )


@admin.register(PayoutStop, site=auditor_site)
class AuditedStopAdmin(ReadStops, WorkspaceAdmin):
    pass
