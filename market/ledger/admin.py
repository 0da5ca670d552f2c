"""Money, for operators and auditors to read. It moves by the acts of other rooms, and by corrections."""

import uuid
from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.states import Role
from market.kernel import money
from market.kernel.actors import Actor
from market.ledger.forms import AdjustmentForm
from market.ledger.models import Account, Correction, Transfer
from market.ledger.selectors import accounts_visible_to
from market.ledger.services import approve_correction, decline_correction, propose_adjustment, propose_reversal
from market.ledger.states import REVERSIBLE, CorrectionState
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.columns import yuan
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
    search_fields = ("organization__name", "organization__uscc", "remittance_code")
    fields = ("organization", "kind", "yuan", "currency", "remittance_code", "version", "created_at", "id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return accounts_visible_to(self.actor(request)).select_related("organization").order_by("-id")

    @display(description=_("balance (yuan)"))
    def yuan(self, account: Account) -> str:
        return money.to_text(account.amount)


class ReadTransfers:
    """How transfers look, newest first."""

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


def _is_treasurer(actor: Actor) -> bool:
    return actor.role in (Role.OPERATOR, Role.FINANCE)


def _reverse(actor: Actor, original: Transfer, answers: dict[str, Any]) -> Correction:
    return propose_reversal(actor=actor, transfer_id=original.id, **answers)


@register(Transfer, site=operator_site)
class TransferAdmin(ReadTransfers, WorkspaceAdmin):
    """Every movement of money; what no trade depends on can be reversed."""

    acts = (
        Act(
            "reverse",
            _("Propose to reverse"),
            _reverse,
            lambda actor, original: _is_treasurer(actor) and original.kind in REVERSIBLE,
            form_class=ReasonForm,
            explanation=_("Another person must approve; then the same amount goes back the way it came."),
        ),
    )


@register(Transfer, site=auditor_site)
class AuditedTransferAdmin(ReadTransfers, WorkspaceAdmin):
    """Every movement of money, to read."""


class ReadCorrections:
    """How corrections look, on every site."""

    icon = "published_with_changes"
    list_display = ("proposed_at", "state", yuan("amount", _("amount (yuan)")), "debit", "credit", "proposed_by")
    list_display_links = ("proposed_at",)
    list_filter = ("state", ("proposed_at", BusinessDayFilter))
    fields = (
        "state", "reverses", "debit", "credit", yuan("amount", _("amount (yuan)")), "currency", "reason",
        "proposed_by", "proposed_at", "decided_by", "decided_at", "id",
    )  # fmt: skip
    readonly_fields = fields
    debit, credit = ReadTransfers.debit, ReadTransfers.credit
    _side = staticmethod(ReadTransfers._side)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Correction]:
        related = ("debit_account__organization", "credit_account__organization", "proposed_by", "decided_by")
        return super().get_queryset(request).select_related(*related)


def _correction_act(name: str, label: Any, service: Any, is_offered: Any, **options: Any) -> Act:
    def perform(actor: Actor, correction: Correction, answers: dict[str, Any]) -> None:
        service(actor=actor, correction_id=correction.id)

    def offered(actor: Actor, correction: Correction) -> bool:
        is_open = correction.state == CorrectionState.PROPOSED
        return _is_treasurer(actor) and is_open and is_offered(actor, correction)

    return Act(name, label, perform, offered, **options)


@register(Correction, site=operator_site)
class CorrectionAdmin(ReadCorrections, WorkspaceAdmin):
    """Proposed by one person, approved by another."""

    form = AdjustmentForm
    autocomplete_fields = ("debit_account", "credit_account")
    add_roles = (Role.OPERATOR, Role.FINANCE)
    acts = (
        _correction_act(
            "approve",
            _("Approve"),
            approve_correction,
            lambda actor, correction: correction.proposed_by_id != actor.user_id,
            explanation=_("You are the second person: the money moves at once."),
        ),
        _correction_act(
            "decline",
            _("Decline"),
            decline_correction,
            lambda actor, correction: True,
            explanation=_("Nothing moves. It can be proposed again."),
            is_dangerous=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Correction | None = None) -> tuple[str, ...]:
        return AdjustmentForm.Meta.fields if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Correction | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Correction, form: ModelForm, change: bool) -> None:
        given = form.cleaned_data
        obj.id = propose_adjustment(
            actor=self.actor(request),
            debit_id=given["debit_account"].id,
            credit_id=given["credit_account"].id,
            amount=given["yuan"],
            reason=given["reason"],
        ).id


@register(Correction, site=auditor_site)
class AuditedCorrectionAdmin(ReadCorrections, WorkspaceAdmin):
    """Every correction, to read."""
