"""One line a movement of money."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from market.ledger.models import Transfer
from market.reports.exporters.base import Exporter, moment, money, plain, text
from market.reports.exporters.parameters import TransferParameters, given, within


def rows(parameters: Mapping[str, Any]) -> QuerySet[Transfer]:
    """Transfers posted in the period."""
    condition = within("posted_at", parameters.get("date_from"), parameters.get("date_until"))
    condition &= given({"kind": parameters.get("kind")})
    if organization := parameters.get("organization"):
        condition &= Q(debit_account__organization_id=organization) | Q(credit_account__organization_id=organization)
    return Transfer.objects.filter(condition)


TRANSFERS = Exporter(
    identifier="transfers",
    title=_("Movements of money"),
    explanation=_("One line a transfer: from which account to which, how much, why, and for which act."),
    parameters=TransferParameters,
    rows=rows,
    columns=(
        plain("transfer_id", "id"),
        plain("tx_id", "tx_id"),
        moment("posted_at", "posted_at"),
        plain("kind", "kind"),
        plain("debit_account", "debit_account__kind"),
        text("debit_organization", "debit_account__organization__name"),
        plain("debit_uscc", "debit_account__organization__uscc"),
        plain("credit_account", "credit_account__kind"),
        text("credit_organization", "credit_account__organization__name"),
        plain("credit_uscc", "credit_account__organization__uscc"),
        *money("amount", "amount"),
        plain("currency", "currency"),
        plain("subject_type", "subject_type"),
        plain("subject_id", "subject_id"),
        text("business_key", "business_key"),
    ),
    sums=("amount_fen",),
)
