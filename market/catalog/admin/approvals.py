"""Purposes of buyers: vendor and exchange decide one after the other, auditors look on."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.catalog import services
from market.catalog.admin.pages import badge
from market.catalog.forms import RemarkForm
from market.catalog.locks import is_operator
from market.catalog.models import PurposeApproval
from market.catalog.selectors import may_list
from market.catalog.states import ApprovalState, ReviewDecision
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.sites import auditor_site, operator_site, vendor_site

COLOURS = {
    ApprovalState.REQUESTED.value: "warning",
    ApprovalState.VENDOR_APPROVED.value: "warning",
    ApprovalState.APPROVED.value: "success",
    ApprovalState.REJECTED.value: "danger",
}


class ReadApprovals:
    """Purposes in lists and on pages: those that wait for this side come first, the longest waiting on top."""

    icon = "assignment_turned_in"
    list_display = ("product", "buyer_org", "state_badge", "purpose_start", "requested_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("product__vendor_org", "buyer_org")
    search_fields = ("product__title", "product__code", "buyer_org__name")
    search_help_text = _("Title or code of the product, or the buyer")
    fields = readonly_fields = (
        "product",
        "vendor",
        "buyer",
        "state_line",
        "purpose_text",
        "requested_at",
        "expires_at",
        "vendor_decided_at",
        "vendor_reason",
        "operator_decided_at",
        "operator_reason",
        "closed_at",
    )
    waiting_state: str = ApprovalState.VENDOR_APPROVED

    def get_ordering(self, request: HttpRequest) -> tuple:
        return (Case(When(state=self.waiting_state, then=Value(0)), default=Value(1)), "-requested_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurposeApproval]:
        return super().get_queryset(request).select_related("product__vendor_org", "buyer_org")

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_badge(self, approval: PurposeApproval) -> tuple[str, str]:
        """The state as a coloured badge."""
        return approval.state, approval.get_state_display()

    @display(description=_("state"))
    def state_line(self, approval: PurposeApproval) -> SafeString:
        """The state as a coloured badge on its page."""
        return badge(approval.state, approval.get_state_display(), COLOURS)

    @display(description=_("purpose"))
    def purpose_start(self, approval: PurposeApproval) -> str:
        """The beginning, for a list."""
        return approval.purpose if len(approval.purpose) <= 60 else f"{approval.purpose[:59]}…"

    @display(description=_("purpose"))
    def purpose_text(self, approval: PurposeApproval) -> SafeString:
        """The whole purpose, as the buyer wrote it."""
        return linebreaksbr(approval.purpose)

    @display(description=_("buyer"))
    def buyer(self, approval: PurposeApproval) -> str:
        """Who wants it."""
        return f"{approval.buyer_org.name} ({approval.buyer_org.uscc})"

    @display(description=_("vendor"))
    def vendor(self, approval: PurposeApproval) -> str:
        """Whose product it is."""
        vendor = approval.product.vendor_org
        return f"{vendor.name} ({vendor.uscc})"


def decision_acts(decide: Any, waits: Any, approved: Any) -> tuple[Act, Act]:
    """The two decisions of one side; ``approved`` says what approval leads to."""

    def act(decision: str) -> Any:
        def perform(actor: Actor, approval: PurposeApproval, given: dict[str, Any]) -> None:
            decide(actor=actor, approval_id=approval.id, decision=decision, reason=given["reason"])

        return perform

    return (
        Act("approve", _("Approve"), act(ReviewDecision.APPROVED), waits, RemarkForm, explanation=approved),
        Act(
            "reject",
            _("Reject"),
            act(ReviewDecision.REJECTED),
            waits,
            ReasonForm,
            explanation=_("The buyer reads the reason, and may ask again."),
            is_dangerous=True,
        ),
    )


@admin.register(PurposeApproval, site=vendor_site)
class VendorApprovalAdmin(ReadApprovals, OrganizationScopedAdmin):
    waiting_state = ApprovalState.REQUESTED
    acts = decision_acts(
        services.decide_as_vendor,
        lambda actor, approval: may_list(actor) and approval.state == ApprovalState.REQUESTED,
        _("Then the exchange decides. The buyer can order for this purpose when both have approved."),
    )


@admin.register(PurposeApproval, site=operator_site)
class OperatorApprovalAdmin(ReadApprovals, WorkspaceAdmin):
    acts = decision_acts(
        services.decide_as_operator,
        lambda actor, approval: is_operator(actor) and approval.state == ApprovalState.VENDOR_APPROVED,
        _("The vendor has approved it. The buyer can order for this purpose at once."),
    )


@admin.register(PurposeApproval, site=auditor_site)
class AuditedApprovalAdmin(ReadApprovals, WorkspaceAdmin):
    """Every purpose, to read."""
