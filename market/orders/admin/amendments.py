"""Changes of contracts in the workspaces: vendors propose and answer in theirs, operators and auditors read."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import register
from django.contrib.admin.sites import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.kernel import money
from market.kernel.actors import Actor
from market.orders import selectors, services
from market.orders.admin.contracts import contract_links
from market.orders.admin.of_order import OfOrder
from market.orders.contracts.versions import agreed
from market.orders.forms import AnswerForm, ProposalForm, proposal_of
from market.orders.models import Amendment, Order
from market.orders.states import AmendmentState
from market.workspaces.acts import Act
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.columns import minute_text
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

COLOURS = {
    AmendmentState.PROPOSED.value: "warning",
    AmendmentState.CONFIRMED.value: "success",
    AmendmentState.DECLINED.value: "danger",
}


def amendment_lines(site: AdminSite, order: Order) -> SafeString | str:
    """One line an amendment of the order, leading to its page; the newest first."""
    lines = [
        (
            reverse(f"{site.name}:orders_amendment_change", args=[amendment.id]),
            f"{minute_text(amendment.created_at)} {amendment.get_side_display()}",
            amendment.get_state_display(),
        )
        for amendment in order.amendments.order_by("-id")
    ]
    return format_html_join("", '<div><a class="text-link" href="{}">{}</a> · {}</div>', lines) or "-"


class ReadAmendments(OfOrder):
    """How changes of contracts look, on every site."""

    icon = "edit_document"
    list_display = ("order_number", "state_badge", "side", "what", "created_at", "due_at")
    list_filter = ("state", "side", ("created_at", BusinessDayFilter))
    list_select_related = ("order",)
    fields = (
        "order_line", "state", "side", "changes", "unused", "message", "answer", "base_version", "became",
        "created_at", "due_at", "closed_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Amendment]:
        return super().get_queryset(request).select_related("order__offer", "terms")

    @display(description=_("order"))
    def order_number(self, amendment: Amendment) -> str:
        return amendment.order.number

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_badge(self, amendment: Amendment) -> tuple[str, Any]:
        return amendment.state, amendment.get_state_display()

    @display(description=_("what it changes"))
    def what(self, amendment: Amendment) -> str:
        return ", ".join(str(_label(name)) for name in amendment.changes())

    @display(description=_("what it changes"))
    def changes(self, amendment: Amendment) -> SafeString:
        before = agreed(amendment.order.terms.get(version=amendment.base_version))
        lines = (
            (_label(name), "-" if before[name] is None else before[name], value)
            for name, value in amendment.changes().items()
        )
        line = '<dt>{}</dt><dd class="workspace-words"><del>{}</del><br>{}</dd>'
        return format_html('<dl class="workspace-facts">{}</dl>', format_html_join("", line, lines))

    @display(description=_("of its price unused (yuan)"))
    def unused(self, amendment: Amendment) -> str:
        """What of the price is given up by an early end."""
        return "-" if amendment.unused_amount is None else money.to_text(amendment.unused_amount)

    @display(description=_("became the terms"))
    def became(self, amendment: Amendment) -> SafeString | str:
        if amendment.terms is None:
            return "-"
        return format_html("v{}: {}", amendment.terms.version, contract_links(self.admin_site, amendment.terms))


def _label(name: str) -> Any:
    return Amendment._meta.get_field(name).verbose_name


@register(Amendment, site=operator_site)
@register(Amendment, site=auditor_site)
class AmendmentAdmin(ReadAmendments, WorkspaceAdmin):
    """Every change of a contract, to read."""


def is_open(name: str) -> Callable[[Actor, Amendment], bool]:
    """Whether the act of that name is offered to the actor now."""
    return lambda actor, amendment: name in selectors.acts_on_amendment(actor, amendment)


def confirm(actor: Actor, amendment: Amendment, given: dict[str, Any]) -> None:
    services.confirm_amendment(actor=actor, amendment_id=amendment.id)


def decline(actor: Actor, amendment: Amendment, given: dict[str, Any]) -> None:
    services.decline_amendment(actor=actor, amendment_id=amendment.id, message=given["message"])


def withdraw(actor: Actor, amendment: Amendment, given: dict[str, Any]) -> None:
    services.withdraw_amendment(actor=actor, amendment_id=amendment.id, message=given["message"])


@register(Amendment, site=vendor_site)
class AmendmentsToAnswer(ReadAmendments, OrganizationScopedAdmin):
    """Changes of the contracts of the vendor's own sales."""

    acts = (
        Act(
            "confirm",
            _("Confirm"),
            confirm,
            is_open("confirm"),
            explanation=_("The contract says from now on what is proposed here; this cannot be taken back."),
        ),
        Act(
            "decline",
            _("Decline"),
            decline,
            is_open("decline"),
            AnswerForm,
            explanation=_("The contract stays as it is."),
            is_dangerous=True,
        ),
        Act(
            "withdraw",
            _("Withdraw"),
            withdraw,
            is_open("withdraw"),
            AnswerForm,
            explanation=_("The buyer can no longer confirm it. The contract stays as it is."),
            is_dangerous=True,
        ),
    )


def draft(actor: Actor, order: Order) -> dict[str, Any]:
    """What the form begins with: what the contract says now."""
    return agreed(order.terms.order_by("-version")[0])


def propose(actor: Actor, order: Order, given: dict[str, Any]) -> Amendment:
    return services.propose_amendment(actor=actor, order_id=order.id, **proposal_of(given))


PROPOSE = Act(
    "amend",
    _("Propose a change"),
    propose,
    lambda actor, order: "amend" in selectors.acts_open_to(actor, order),
    ProposalForm,
    initial=draft,
    explanation=_(
        "The form shows the contract as it is: change what shall be different. The buyer confirms or declines it; "
        "confirmed, it is the next version of the contract."
    ),
)
