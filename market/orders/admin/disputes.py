"""Disputes in the workspaces: vendors answer, operators decide, auditors read; and spending limits, to read."""

import json
from typing import Any

from django import forms
from django.contrib.admin import display, register
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from market.catalog.price_forms import YuanField
from market.kernel.actors import Actor
from market.orders import services
from market.orders.admin.of_order import OfOrder
from market.orders.models import Dispute, SpendingLimit
from market.orders.selectors import acts_open_to
from market.orders.services.words import MAX_TEXT
from market.orders.states import DisputeState, Verdict
from market.workspaces.acts import Act
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.columns import moment_text, yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site


class AnswerForm(forms.Form):
    """The vendor's word."""

    text = forms.CharField(label=_("Your answer"), max_length=MAX_TEXT, widget=UnfoldAdminTextareaWidget)


class DecisionForm(forms.Form):
    """The operator's word."""

    verdict = forms.ChoiceField(label=_("Decision"), choices=Verdict.choices, widget=UnfoldAdminSelectWidget)
    refund_amount = YuanField(label=_("Refund in part (yuan)"), required=False)
    grounds = forms.CharField(label=_("Grounds"), max_length=MAX_TEXT, widget=UnfoldAdminTextareaWidget)


class ReadDisputes(OfOrder):
    """How disputes look, on every site."""

    icon = "gavel"
    list_display = ("order", "state", "reason", yuan("amount", _("disputed (yuan)")), "opened_at", "answer_due_at")
    list_filter = ("state", "reason", ("opened_at", BusinessDayFilter))
    list_select_related = ("order",)
    fields = (
        "order_line", "state", "reason", "buyer_says", yuan("amount", _("disputed (yuan)")), "opened_at",
        "answer_due_at", "vendor_says", "answered_at", "decision_due_at", "escalated_at", "verdict", "refund",
        "decision_grounds", "decided_at", "evidence_lines",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        return super().get_queryset(request).select_related("order")

    @display(description=_("what the buyer says"))
    def buyer_says(self, dispute: Dispute) -> SafeString:
        return _words(dispute.text)

    @display(description=_("what the vendor says"))
    def vendor_says(self, dispute: Dispute) -> SafeString:
        return _words(dispute.answer)

    @display(description=_("grounds of the decision"))
    def decision_grounds(self, dispute: Dispute) -> SafeString:
        return _words(dispute.grounds)

    @display(description=_("evidence"))
    def evidence_lines(self, dispute: Dispute) -> SafeString:
        """What the exchange itself attached, each document behind its hash."""
        evidence = [
            {
                "kind": row.get_kind_display(),
                "at": moment_text(row.created_at),
                "sha256": row.sha256,
                "document": json.dumps(json.loads(row.document), ensure_ascii=False, indent=2),
            }
            for row in dispute.evidence.order_by("created_at", "kind")
        ]
        return render_to_string("orders/evidence.html", {"evidence": evidence})

    @display(description=_("refund (yuan)"))
    def refund(self, dispute: Dispute) -> str:
        return "-" if dispute.refund_amount is None else yuan("refund_amount", "")(dispute)


def _words(text: str) -> SafeString:
    return format_html('<div class="workspace-words">{}</div>', text or "-")


def is_open(name: str):
    """Whether the act of that name on the dispute's order is offered to the actor now."""
    return lambda actor, dispute: name in acts_open_to(actor, dispute.order)


def answer(actor: Actor, dispute: Dispute, given: dict[str, Any]) -> None:
    services.answer_dispute(actor=actor, order_id=dispute.order_id, text=given["text"])


def decide(actor: Actor, dispute: Dispute, given: dict[str, Any]) -> None:
    services.decide_dispute(actor=actor, order_id=dispute.order_id, **given)


@register(Dispute, site=operator_site)
class DisputeAdmin(ReadDisputes, WorkspaceAdmin):
    """Every dispute; those that wait for a decision stand first, the most urgent on top."""

    list_display = (*ReadDisputes.list_display, "decision_due_at")
    ordering = (
        Case(When(state=DisputeState.AWAITING_DECISION, then=Value(0)), default=Value(1)),
        Case(When(state=DisputeState.AWAITING_DECISION, then="decision_due_at")),
        "-id",
    )
    acts = (
        Act(
            "decide",
            _("Decide"),
            decide,
            is_open("decide_dispute"),
            DecisionForm,
            explanation=_(
                "Final. Accepted: the vendor is paid. Refunded: everything returns to the buyer, who may receive no "
                "more. In part: the amount you name returns and the vendor is paid the rest. Both sides read the "
                "grounds."
            ),
            is_dangerous=True,
        ),
    )


@register(Dispute, site=auditor_site)
class AuditedDisputeAdmin(ReadDisputes, WorkspaceAdmin):
    """Every dispute, to read."""


@register(Dispute, site=vendor_site)
class OwnDisputeAdmin(ReadDisputes, OrganizationScopedAdmin):
    """Disputes about the vendor's own sales; those that wait for its answer stand first."""

    ordering = (Case(When(state=DisputeState.AWAITING_ANSWER, then=Value(0)), default=Value(1)), "answer_due_at", "-id")
    acts = (
        Act(
            "answer",
            _("Answer"),
            answer,
            is_open("answer_dispute"),
            AnswerForm,
            explanation=_("Once, and final: the buyer and the operator will read it. Then the operator decides."),
        ),
    )


@register(SpendingLimit, site=operator_site)
@register(SpendingLimit, site=auditor_site)
class SpendingLimitAdmin(WorkspaceAdmin):
    """What buyers let their purchasers order in a month before their finance is asked; buyers set it by the API."""

    icon = "speed"
    list_display = ("buyer_org", "member", yuan("amount", _("a month (yuan)")), "currency")
    list_select_related = ("buyer_org", "membership__user", "membership__organization")
    search_fields = ("buyer_org__name", "buyer_org__uscc")
    fields = (*list_display, "id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpendingLimit]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    @display(description=_("member"))
    def member(self, limit: SpendingLimit) -> Any:
        return limit.membership or _("each purchaser without a limit of their own")
