"""What was delivered, for operators, auditors and, of their own sales, vendors. Read-only but for a revocation."""

import datetime
from typing import Any

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from market.delivery import services
from market.delivery.models import Delivery, Entitlement, Receipt
from market.delivery.states import Standing
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site


class DeliveryPages:
    """Each try at handing an order over."""

    icon = "local_shipping"
    list_display = ("order", "number", "state", "attempts", "started_at", "finished_at", "failure_reason")
    list_filter = ("state", ("started_at", BusinessDayFilter))
    list_select_related = ("order",)
    search_fields = ("order__number__exact",)
    search_help_text = _("Whole order number")
    fields = (
        "order",
        "number",
        "channel",
        "state",
        "attempts",
        "started_at",
        "finished_at",
        "failure_reason",
        "files",
        "job_id",
    )
    readonly_fields = fields

    @admin.display(description=_("files"))
    def files(self, delivery: Delivery) -> SafeString:
        """The manifest: size, path and SHA-256 of every file that was checked."""
        lines = ((filesizeformat(file["bytes"]), file["path"], file["sha256"]) for file in delivery.manifest)
        return format_html_join("", '<div>{} — {} <span class="workspace-code">{}</span></div>', lines)


class EntitlementPages:
    """Who may download what, and until when."""

    icon = "key"
    list_display = ("order", "buyer_org", "product", "revision", "standing", "valid_from", "ends_at")
    list_filter = (("valid_from", BusinessDayFilter), ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("order", "buyer_org", "product", "revision")
    search_fields = ("order__number__exact",)
    search_help_text = _("Whole order number")
    fields = (
        "order",
        "buyer_org",
        "product",
        "revision",
        "standing",
        "valid_from",
        "ends_at",
        "revoked_at",
        "revocation_reason",
    )
    readonly_fields = fields

    @admin.display(description=_("standing"))
    def standing(self, entitlement: Entitlement) -> str:
        """Whether it lets its buyer download now."""
        return entitlement.standing.label

    @admin.display(description=_("valid until"), ordering="valid_until")
    def ends_at(self, entitlement: Entitlement) -> datetime.datetime | None:
        """When it ends, as the contract stands now."""
        return entitlement.ends_at


class ReceiptPages:
    """What was really sent."""

    icon = "receipt_long"
    list_display = (
        "order_number",
        "asset",
        "range_start",
        "bytes_requested",
        "bytes_sent",
        "started_at",
        "finished_at",
    )
    list_filter = (("started_at", BusinessDayFilter),)
    list_select_related = ("entitlement__order", "asset")
    search_fields = ("entitlement__order__number__exact",)
    search_help_text = _("Whole order number")
    fields = (
        "order_number",
        "asset",
        "range_start",
        "bytes_requested",
        "bytes_sent",
        "started_at",
        "finished_at",
    )
    readonly_fields = fields

    @admin.display(description=_("order number"))
    def order_number(self, receipt: Receipt) -> str:
        """The order under which it was sent."""
        return receipt.entitlement.order.number


def _revoke(actor: Actor, entitlement: Entitlement, answers: dict[str, Any]) -> None:
    services.revoke_entitlement(actor=actor, entitlement_id=entitlement.id, reason=answers["reason"])


@admin.register(Delivery, site=operator_site)
@admin.register(Delivery, site=auditor_site)
class DeliveryAdmin(DeliveryPages, WorkspaceAdmin):
    """Every delivery."""


@admin.register(Delivery, site=vendor_site)
class VendorDeliveryAdmin(DeliveryPages, OrganizationScopedAdmin):
    """Deliveries of the vendor's own sales."""


@admin.register(Entitlement, site=operator_site)
class OperatorEntitlementAdmin(EntitlementPages, WorkspaceAdmin):
    """Every entitlement; an operator may take one away."""

    acts = (
        Act(
            name="revoke",
            label=_("Revoke"),
            perform=_revoke,
            is_offered=lambda actor, entitlement: actor.role == "operator" and entitlement.standing != Standing.REVOKED,
            form_class=ReasonForm,
            explanation=_("The buyer can download no more, not even by links that are out. Money is not touched."),
            is_dangerous=True,
        ),
    )


@admin.register(Entitlement, site=auditor_site)
class AuditorEntitlementAdmin(EntitlementPages, WorkspaceAdmin):
    """Every entitlement."""


@admin.register(Entitlement, site=vendor_site)
class VendorEntitlementAdmin(EntitlementPages, OrganizationScopedAdmin):
    """Entitlements to the vendor's own products."""


@admin.register(Receipt, site=operator_site)
@admin.register(Receipt, site=auditor_site)
class ReceiptAdmin(ReceiptPages, WorkspaceAdmin):
    """Every receipt."""


@admin.register(Receipt, site=vendor_site)
class VendorReceiptAdmin(ReceiptPages, OrganizationScopedAdmin):
    """Receipts of the vendor's own sales."""
