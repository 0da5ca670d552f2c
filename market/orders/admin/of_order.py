"""How rows that belong to an order look in the workspaces, in whichever room they are."""

import uuid
from typing import Any

from django.contrib.admin import AdminSite, display
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from market.workspaces.bases import WholeNumberSearch


def order_link(site: AdminSite, order_id: uuid.UUID, number: str) -> SafeString:
    """A link to the order's page on the same site."""
    url = reverse(f"{site.name}:orders_order_change", args=[order_id])
    return format_html('<a class="text-link" href="{}">{}</a>', url, number)


class OfOrder(WholeNumberSearch):
    """What rows with an ``order`` have in common; the columns of the parties need ``buyer_org`` and ``vendor_org``."""

    number_path = "order__number"
    search_help_text = _("Whole order number")
    search_fields = ("order__number",)

    @display(description=_("order"))
    def order_line(self, row: Any) -> SafeString:
        """A link to the order's page on the same site."""
        return order_link(self.admin_site, row.order_id, row.order.number)

    @display(description=_("buyer"))
    def buyer(self, row: Any) -> str:
        return f"{row.buyer_org.name} ({row.buyer_org.uscc})"

    @display(description=_("vendor"))
    def vendor(self, row: Any) -> str:
        return f"{row.vendor_org.name} ({row.vendor_org.uscc})"

    @display(description=_("product"))
    def product(self, row: Any) -> str:
        return str(row.order.product)
