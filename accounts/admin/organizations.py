"""Organisations on the three sites."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.forms import OrganizationForm
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.sites import auditor_site, operator_site, vendor_site

OPERATORS = (Role.OPERATOR,)
SHOWN_OF = {"bank_account": "account_shown", "bank_code": "code_shown"}


def is_operator(actor: Actor) -> bool:
    return actor.role in OPERATORS


class CapacityFilter(admin.SimpleListFilter):
    title = _("capacity")
    parameter_name = "capacity"

    def lookups(self, request: HttpRequest, model_admin: WorkspaceAdmin) -> list[tuple[str, str]]:
        return Capacity.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(capacities__contains=[self.value()]) if self.value() else queryset


class ReadOrganizations:
    """How organisations look, on every site."""

    icon = "apartment"
    list_display = ("name", "uscc", "region", "capacities_text", "state", "created_at")
    list_filter = ("state", CapacityFilter, "taxpayer_type", ("bank_code", admin.EmptyFieldListFilter))
    search_fields = ("name", "uscc")
    fields = (
        "name", "uscc", "region", "taxpayer_type", "account_shown", "code_shown", "capacities_text", "state",
        "created_at",
    )  # fmt: skip
    readonly_fields = ("account_shown", "code_shown", "capacities_text", "state", "created_at")

    @admin.display(description=_("bank account"))
    def account_shown(self, organization: Organization) -> str:
        return organization.shown_bank_account

    @admin.display(description=_("bank code"))
    def code_shown(self, organization: Organization) -> str:
        return organization.shown_bank_code

    @admin.display(description=_("capacities"))
    def capacities_text(self, organization: Organization) -> str:
        return ", ".join(str(Capacity(capacity).label) for capacity in organization.capacities)


def state_act(name: str, label: str, state: str, sources: tuple[str, ...], **options: Any) -> Act:
    def perform(actor: Actor, organization: Organization, given: dict[str, Any]) -> None:
        services.change_organization_state(
            actor=actor, organization_id=organization.id, state=state, reason=given["reason"]
        )

    def is_offered(actor: Actor, organization: Organization) -> bool:
        return is_operator(actor) and organization.state in sources and organization.id != actor.organization_id

    return Act(name, label, perform, is_offered, ReasonForm, **options)


@admin.register(Organization, site=operator_site)
class OrganizationAdmin(ReadOrganizations, WorkspaceAdmin):
    form = OrganizationForm
    add_roles = change_roles = OPERATORS
    acts = (
        state_act(
            "verify",
            _("Verify"),
            OrganizationState.VERIFIED,
            (OrganizationState.PENDING,),
            explanation=_("Its papers are in order: it may trade from now on. Say what was checked."),
        ),
        state_act(
            "suspend",
            _("Suspend"),
            OrganizationState.SUSPENDED,
            (OrganizationState.VERIFIED,),
            explanation=_("It cannot list or order until it is reopened. What was bought stays available."),
            is_dangerous=True,
        ),
        state_act("reopen", _("Reopen"), OrganizationState.VERIFIED, (OrganizationState.SUSPENDED,)),
        state_act(
            "close",
            _("Close"),
            OrganizationState.CLOSED,
            (OrganizationState.PENDING, OrganizationState.VERIFIED, OrganizationState.SUSPENDED),
            explanation=_("For ever: its members can no longer sign in and its tokens stop working."),
            is_dangerous=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        if obj is None:
            return OrganizationForm.Meta.fields
        if self.has_change_permission(request, obj):
            # A verified vendor's own owner asks for another account (``BankAccountChange``).
            is_typed = obj.state == OrganizationState.PENDING or Capacity.OPERATOR in obj.capacities
            fields = OrganizationForm.Meta.fields
            shown = fields if is_typed else [SHOWN_OF.get(name, name) for name in fields]
            return (*shown, "state", "created_at")
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "uscc")

    def save_model(self, request: HttpRequest, obj: Organization, form: ModelForm, change: bool) -> None:
        actor = self.actor(request)
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            services.edit_organization(actor=actor, organization_id=obj.id, **changes)
        else:
            services.register_organizations(actor=actor, organizations=[obj])


@admin.register(Organization, site=vendor_site)
class OwnOrganizationAdmin(ReadOrganizations, OrganizationScopedAdmin):
    organization_path = "id"
    list_filter = ()


@admin.register(Organization, site=auditor_site)
class AuditedOrganizationAdmin(ReadOrganizations, WorkspaceAdmin):
    pass
