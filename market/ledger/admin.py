"""Money, for operators and auditors to read. It moves by the acts of other rooms only."""

import uuid

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from market.kernel import money
from market.ledger.models import Account, Transfer
from market.ledger.selectors import accounts_visible_to
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site


@register(Account, site=operator_site)
@register(Account, site=auditor_site)
class AccountAdmin(WorkspaceAdmin):
    """Every account with what is in it; of an unguarded one that is the sum of its transfers."""

    icon = "account_balance_wallet"
    list_display = ("organization", "kind", "yuan", "currency", "remittance_code", "created_at")
    list_filter = ("kind", ("organization", AutocompleteSelectFilter))
    list_filter_sheet = True
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__uscc", "remittance_code")
    fields = ("organization", "kind", "yuan", "currency", "remittance_code", "version", "created_at", "id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return accounts_visible_to(self.actor(request)).order_by("-id")

    @display(description=_("balance (yuan)"))
    def yuan(self, account: Account) -> str:
        return money.to_text(account.amount)


@register(Transfer, site=operator_site)
@register(Transfer, site=auditor_site)
class TransferAdmin(WorkspaceAdmin):
    """Every movement of money, newest first."""

    icon = "swap_horiz"
    list_display = ("posted_at", "kind", "yuan", "currency", "debit", "credit", "subject")
    list_display_links = ("posted_at",)
    list_filter = ("kind", ("posted_at", BusinessDayFilter))
    list_filter_sheet = True
    list_select_related = ("debit_account__organization", "credit_account__organization")
    search_fields = ("business_key",)
    search_help_text = _("Key of an order or payout, of an act (tx), or a business key")
    fields = ("posted_at", "kind", "yuan", "currency", "debit", "credit", "subject", "business_key", "tx_id", "id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transfer], search_term: str
    ) -> tuple[QuerySet[Transfer], bool]:
        """Whole keys only, so that an index answers whatever the size of the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            key = uuid.UUID(term)
        except ValueError:
            return queryset.filter(business_key=term), False
        by_subject = queryset.filter(subject_id=key)
        return (by_subject if by_subject.exists() else queryset.filter(tx_id=key)), False

    @display(description=_("amount (yuan)"))
    def yuan(self, transfer: Transfer) -> str:
        return money.to_text(transfer.amount)

    @display(description=_("debit"))
    def debit(self, transfer: Transfer) -> str:
        return self._side(transfer.debit_account)

    @display(description=_("credit"))
    def credit(self, transfer: Transfer) -> str:
        return self._side(transfer.credit_account)

    @display(description=_("subject"))
    def subject(self, transfer: Transfer) -> str:
        """What it was for; a link when this workspace has a page for it."""
        text = f"{transfer.subject_type} {transfer.subject_id}"
        for model in self.admin_site._registry:
            if model._meta.model_name == transfer.subject_type:
                view = f"{self.admin_site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
                return format_html(
                    '<a class="text-link workspace-code" href="{}">{}</a>',
                    reverse(view, args=[transfer.subject_id]),
                    text,
                )
        return format_html('<span class="workspace-code">{}</span>', text)

    @staticmethod
    def _side(account: Account) -> str:
        return f"{account.get_kind_display()} · {account.organization.name}"
