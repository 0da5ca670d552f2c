"""Orders and their terms: read in every workspace; an operator helps those whose delivery failed."""

import uuid
from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from market.kernel import money
from market.kernel.actors import Actor
from market.orders import selectors, services
from market.orders.admin.amendments import PROPOSE, amendment_lines
from market.orders.admin.contracts import contract_lines
from market.orders.admin.timeline import money_picture, timeline
from market.orders.models import Dispute, Order
from market.workspaces.acts import Act
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site


class ReadOrders:
    """How orders look, on every site."""

    icon = "shopping_cart"
    list_display = ("number", "state", "product", "vendor_org", "buyer_org", "quantity", "yuan", "placed_at")
    list_filter = (
        "state",
        ("placed_at", BusinessDayFilter),
        ("vendor_org", AutocompleteSelectFilter),
        ("buyer_org", AutocompleteSelectFilter),
    )
    list_filter_sheet = True
    list_select_related = ("product", "vendor_org", "buyer_org")
    search_fields = ("number",)
    search_help_text = _("Order number, the buyer's reference, or the order's key")
    fields = (
        "number", "state", "buyer", "vendor", "product", "offer", "revision", "quantity", "yuan", "term_starts_on",
        "term_ends_on", "ends_on", "renews", "access_until", "suspended_at", "payment_due_at",
        "purpose", "client_reference", "terms_link", "amendment_lines", "money_lines", "placed_at", "delivered_at",
        "approval_due_at", "funds_due_at", "acceptance_due_at", "accepted_at", "delivery_tries", "failure_reason",
        "refund_due_at", "closed_at", "dispute_link", "history_lines", "id",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        related = ("product", "offer", "revision", "vendor_org", "buyer_org", "placed_by")
        return super().get_queryset(request).select_related(*related)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Whole numbers and keys only, so that an index answers whatever the size of the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(id=uuid.UUID(term)), False
        except ValueError:
            by_number = queryset.filter(number=term.upper())
            return (by_number if by_number.exists() else queryset.filter(client_reference=term)), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        """The order with who reads it: the history names people only to their own organisation and to auditors."""
        order = super().get_object(request, object_id, from_field)
        if order is not None:
            order.reader = self.actor(request)
        return order

    @display(description=_("amount (yuan)"), ordering="amount")
    def yuan(self, order: Order) -> str:
        return money.to_text(order.amount)

    @display(description=_("buyer"))
    def buyer(self, order: Order) -> str:
        return f"{order.buyer_org.name} ({order.buyer_org.uscc})"

    @display(description=_("vendor"))
    def vendor(self, order: Order) -> str:
        return f"{order.vendor_org.name} ({order.vendor_org.uscc})"

    @display(description=_("contract terms"))
    def terms_link(self, order: Order) -> SafeString:
        return contract_lines(self.admin_site, order.terms.order_by("-version"))

    @display(description=_("amendments"))
    def amendment_lines(self, order: Order) -> SafeString | str:
        return amendment_lines(self.admin_site, order)

    @display(description=_("dispute"))
    def dispute_link(self, order: Order) -> SafeString | str:
        dispute = Dispute.objects.filter(order=order).first()
        if dispute is None:
            return "-"
        url = reverse(f"{self.admin_site.name}:orders_dispute_change", args=[dispute.id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, dispute.get_state_display())

    @display(description=_("its money"))
    def money_lines(self, order: Order) -> SafeString:
        return money_picture(order)

    @display(description=_("what happened"))
    def history_lines(self, order: Order) -> SafeString:
        return timeline(order)


def is_open(name: str):
    """Whether the act of that name is offered to the actor now."""
    return lambda actor, order: name in selectors.acts_open_to(actor, order)


def retry(actor: Actor, order: Order, given: dict[str, Any]) -> None:
    services.retry_delivery(actor=actor, order_id=order.id)


def refund(actor: Actor, order: Order, given: dict[str, Any]) -> None:
    services.refund_failed(actor=actor, order_id=order.id)


@register(Order, site=operator_site)
class OrderAdmin(ReadOrders, WorkspaceAdmin):
    """Every order; one whose delivery failed can be tried again or refunded."""

    acts = (
        Act(
            "retry-delivery",
            _("Retry delivery"),
            retry,
            is_open("retry_delivery"),
            explanation=_("The order goes back to delivery under a new job. Mend the cause first."),
        ),
        Act(
            "refund",
            _("Refund"),
            refund,
            is_open("refund"),
            explanation=_("The order ends and the whole price returns from escrow to the buyer's wallet."),
            is_dangerous=True,
        ),
    )


@register(Order, site=auditor_site)
class AuditedOrderAdmin(ReadOrders, WorkspaceAdmin):
    """Every order, to read."""


@register(Order, site=vendor_site)
class SaleAdmin(ReadOrders, OrganizationScopedAdmin):
    """What the vendor's own organisation has sold."""

    list_display = ("number", "state", "product", "buyer", "quantity", "yuan", "placed_at")
    list_filter = ("state", ("placed_at", BusinessDayFilter))
    acts = (PROPOSE,)
