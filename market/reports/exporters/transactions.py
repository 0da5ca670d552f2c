"""One line an order, with what became of its money."""

from collections.abc import Mapping
from typing import Any

from django.db.models import BigIntegerField, Case, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from market.orders.models import Order
from market.reports.exporters.base import Exporter, moment, money, plain, text
from market.reports.exporters.parameters import TransactionParameters, given, within
from market.settlement.models import Capture
from market.settlement.states import PayoutState

LAST_BATCH = "last_charge__capture__batch_line__batch"
PAYOUTS = f"{LAST_BATCH}__payouts"


def rows(parameters: Mapping[str, Any]) -> QuerySet[Order]:
    """Orders placed in the period. An order has one final charge, a batch one payout that has not bounced, at most: no
    line is doubled."""
    return Order.objects.filter(
        within("placed_at", parameters.get("date_from"), parameters.get("date_until")),
        given(
            {
                "vendor_org_id": parameters.get("vendor"),
                "buyer_org_id": parameters.get("buyer"),
                "state": parameters.get("state"),
            }
        ),
    ).annotate(
        last_charge=FilteredRelation("charges", condition=Q(charges__is_final=True)),
        living_payout=FilteredRelation(
            PAYOUTS, condition=~Q(**{f"{PAYOUTS}__state__in": [PayoutState.BOUNCED, PayoutState.VOID]})
        ),
    )


def captured(part: str) -> Case:
    """What was captured of an order: by its one capture, or by all of an order that is charged in parts."""
    sums = Capture.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(total=Sum(part))
    return Case(
        When(offer__months=0, then=F(f"last_charge__capture__{part}")),
        default=Cast(Subquery(sums.values("total")), BigIntegerField()),
    )


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
        moment("captured_at", "last_charge__capture__captured_at"),
        *money("net", captured("net")),
        *money("commission", captured("commission")),
        *money("vat", captured("vat")),
        text("client_reference", "client_reference"),
        plain("terms_sha256", "terms_sha256"),
        moment("settlement_cutoff", f"{LAST_BATCH}__cutoff"),
        plain("payout_reference", "living_payout__reference"),
        plain("payout_state", "living_payout__state"),
    ),
    sums=("amount_fen", "net_fen", "commission_fen", "vat_fen"),
)
