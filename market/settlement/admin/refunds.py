"""What went back after capture, and what vendors owe for it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from market.settlement.admin.earnings import EarningsMembers
from market.settlement.models import Refund
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.columns import yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

PARTS = (
    yuan("amount", _("amount (yuan)")),
    yuan("net", _("net (yuan)")),
    yuan("commission", _("commission (yuan)")),
    yuan("vat", _("VAT (yuan)")),
    yuan("advanced", _("advanced for the vendor (yuan)")),
)


class ReadRefunds:
    """How refunds look, on every site."""

    icon = "undo"
    list_display = ("order", "number", *PARTS, "refunded_at")
    list_filter = (("refunded_at", BusinessDayFilter),)
    list_select_related = ("order", "vendor_org", "buyer_org")
    search_fields = ("order__number", "reference")
    fields = ("order", "vendor_org", "number", "reference", "reason", *PARTS, "currency", "refunded_at")
    readonly_fields = fields


@admin.register(Refund, site=operator_site)
@admin.register(Refund, site=auditor_site)
class RefundAdmin(ReadRefunds, WorkspaceAdmin):
    list_display = ("order", "vendor_org", *ReadRefunds.list_display[1:])


@admin.register(Refund, site=vendor_site)
class OwnRefundAdmin(EarningsMembers, ReadRefunds, OrganizationScopedAdmin):
    pass
