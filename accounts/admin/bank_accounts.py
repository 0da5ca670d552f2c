"""Changes of vendors' bank accounts: asked for in the vendor's workspace, decided in the operator's."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.admin.organizations import is_operator
from accounts.forms import BankAccountForm
from accounts.models import BankAccountChange
from accounts.states import OPEN_ACCOUNT_CHANGES, AccountChangeState, Role
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.sites import auditor_site, operator_site, vendor_site


class ReadChanges:
    """How changes look, on every site: numbers of accounts by their last characters."""

    icon = "account_balance"
    list_display = (
        "account", "code", "account_before", "code_before", "state", "proposed_at", "effective_at", "ended_at",
    )  # fmt: skip
    list_display_links = ("account",)
    list_filter = ("state", "is_old_lost")
    fields = (
        "vendor_org", "account", "code", "account_before", "code_before", "is_old_lost", "reason", "state",
        "proposed_by", "proposed_at", "approved_at", "effective_at", "ended_at", "end_reason",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankAccountChange]:
        return super().get_queryset(request).select_related("vendor_org", "proposed_by", "approved_by", "ended_by")

    @admin.display(description=_("new bank account"))
    def account(self, change: BankAccountChange) -> str:
        return change.shown_bank_account

    @admin.display(description=_("new bank code"))
    def code(self, change: BankAccountChange) -> str:
        return change.shown_bank_code

    @admin.display(description=_("bank account before"))
    def account_before(self, change: BankAccountChange) -> str:
        return change.shown_replaced or "—"

    @admin.display(description=_("bank code before"))
    def code_before(self, change: BankAccountChange) -> str:
        return change.shown_replaced_code


class ReadChangesAndWho(ReadChanges):
    """With the persons of the exchange, who are no business of the vendor's."""

    list_display = ("vendor_org", *ReadChanges.list_display)
    list_display_links = ("vendor_org",)
    search_fields = ("vendor_org__name", "vendor_org__uscc")
    fields = (*ReadChanges.fields, "approved_by", "ended_by")
    readonly_fields = fields


def _approve(actor: Actor, change: BankAccountChange, given: dict[str, Any]) -> None:
    services.approve_bank_account(actor=actor, change_id=change.id)


def _refuse(actor: Actor, change: BankAccountChange, given: dict[str, Any]) -> None:
    services.refuse_bank_account(actor=actor, change_id=change.id, reason=given["reason"])


def _withdraw(actor: Actor, change: BankAccountChange, given: dict[str, Any]) -> None:
    services.withdraw_bank_account(actor=actor, change_id=change.id)


@admin.register(BankAccountChange, site=operator_site)
class BankAccountChangeAdmin(ReadChangesAndWho, WorkspaceAdmin):
    acts = (
        Act(
            "approve",
            _("Approve"),
            _approve,
            lambda actor, change: is_operator(actor) and change.state == AccountChangeState.PROPOSED,
            explanation=_(
                "Call the vendor on a number that you know, not one from this request, before you approve. It is paid "
                "to the new account after the cooling time; until then it can withdraw, and you can refuse."
            ),
        ),
        Act(
            "refuse",
            _("Refuse"),
            _refuse,
            lambda actor, change: is_operator(actor) and change.state in OPEN_ACCOUNT_CHANGES,
            ReasonForm,
            explanation=_("The vendor reads the reason and is paid as before."),
            is_dangerous=True,
        ),
    )


@admin.register(BankAccountChange, site=auditor_site)
class AuditedBankAccountChangeAdmin(ReadChangesAndWho, WorkspaceAdmin):
    pass


@admin.register(BankAccountChange, site=vendor_site)
class OwnBankAccountChangeAdmin(ReadChanges, OrganizationScopedAdmin):
    """Those who handle the vendor's money see where it goes; owners decide it."""

    form = BankAccountForm
    add_roles = (Role.OWNER,)
    list_filter = ()
    acts = (
        Act(
            "withdraw",
            _("Withdraw"),
            _withdraw,
            lambda actor, change: actor.role == Role.OWNER and change.state in OPEN_ACCOUNT_CHANGES,
            explanation=_("You are paid to the account before, as until now."),
            is_dangerous=True,
        ),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, (Role.OWNER, Role.FINANCE))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, (Role.OWNER, Role.FINANCE))

    def get_fields(self, request: HttpRequest, obj: BankAccountChange | None = None) -> tuple[str, ...]:
        return BankAccountForm.Meta.fields if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: BankAccountChange | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: BankAccountChange, form: ModelForm, change: bool) -> None:
        made = services.propose_bank_account(actor=self.actor(request), **form.cleaned_data)
        obj.id = made.id
