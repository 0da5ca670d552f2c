"""One line an order, with what became of its money."""

from collections.abc import Mapping
from typing import Any

from django.db.models import F, FilteredRelation, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from market.orders.models import Order
from market.reports.exporters.base import Exporter, moment, money, plain, text
from market.reports.exporters.parameters import TransactionParameters, given, within
from market.settlement.states import PayoutState

PAYOUTS = "capture__batch_line__batch__payouts"


def rows(parameters: Mapping[str, Any]) -> QuerySet[Order]:
    """Orders placed in the period. A batch has one payout that has not bounced, at most: no line is doubled."""
    return Order.objects.filter(
        within("placed_at", parameters.get("date_from"), parameters.get("date_until")),
        given(
            {
                "vendor_org_id": parameters.get("vendor"),
                "buyer_org_id": parameters.get("buyer"),
                "state": parameters.get("state"),
            }
        ),
    ).annotate(living_payout=FilteredRelation(PAYOUTS, condition=~Q(**{f"{PAYOUTS}__state": PayoutState.BOUNCED})))


TRANSACTIONS = Exporter(
    identifier="transactions",
    title=_("Transactions"),
    explanation=_("One line an order: the parties, the product, the amount, its states and its settlement."),
    parameters=TransactionParameters,
    rows=rows,
    columns=(
        plain("order_number", "number"),
        plain("order_id", "id"),
        text("buyer_name", "buyer_org__name"),
        plain("buyer_uscc", "buyer_org__uscc"),
        text("vendor_name", "vendor_org__name"),
        plain("vendor_uscc", "vendor_org__uscc"),
        plain("product_id", "product_id"),
        text("product_code", "product__code"),
        text("product_title", "product__title"),
        plain("product_kind", "product__kind"),
        plain("sector", "product__sector"),
        plain("revision_number", "revision__number"),
        plain("quantity", "quantity"),
        *money("amount", F("amount")),
        plain("currency", "currency"),
        plain("state", "state"),
        moment("placed_at", "placed_at"),
        moment("delivered_at", "delivered_at"),
        moment("accepted_at", "accepted_at"),
        moment("closed_at", "closed_at"),
        moment("captured_at", "capture__captured_at"),
        *money("net", "capture__net"),
        *money("commission", "capture__commission"),
        *money("vat", "capture__vat"),
        text("client_reference", "client_reference"),
        plain("terms_sha256", "terms_sha256"),
        moment("settlement_cutoff", "capture__batch_line__batch__cutoff"),
        plain("payout_reference", "living_payout__reference"),
        plain("payout_state", "living_payout__state"),
    ),
    sums=("amount_fen", "net_fen", "commission_fen", "vat_fen"),
)
