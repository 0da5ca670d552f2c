"""People, their memberships and their tokens."""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

from accounts import selectors, services
from accounts.admin.organizations import OPERATORS, is_operator
from accounts.forms import MemberForm, OwnTokenForm, PasswordForm, TokenForm
from accounts.models import ApiToken, Membership, User
from accounts.states import Role
from market.kernel import clock
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.sites import operator_site, vendor_site


def lock_act(name: str, label: str, is_active: bool, **options: Any) -> Act:
    def perform(actor: Actor, user: User, given: dict[str, Any]) -> None:
        services.change_user_activity(actor=actor, user_id=user.id, is_active=is_active, reason=given["reason"])

    def is_offered(actor: Actor, user: User) -> bool:
        return is_operator(actor) and user.is_active is not is_active and user.id != actor.user_id

    return Act(name, label, perform, is_offered, ReasonForm, **options)


def set_password(actor: Actor, user: User, given: dict[str, Any]) -> None:
    services.set_password(actor=actor, user_id=user.id, password=given["password"])


@admin.register(User, site=operator_site)
class UserAdmin(WorkspaceAdmin):
    """People are created on the members' page, with their first role."""

    icon = "person"
    list_display = ("email", "name", "is_active", "last_login", "created_at")
    list_filter = ("is_active",)
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "last_login", "created_at")
    readonly_fields = fields
    acts = (
        Act(
            "password",
            _("Set password"),
            set_password,
            lambda actor, user: is_operator(actor),
            PasswordForm,
            explanation=_("Whoever is signed in under the old password is signed out."),
        ),
        lock_act(
            "lock", _("Lock out"), False, explanation=_("No page and no token opens any more."), is_dangerous=True
        ),
        lock_act("unlock", _("Let in again"), True),
    )


def membership_act(name: str, label: str, is_active: bool, **options: Any) -> Act:
    def perform(actor: Actor, membership: Membership, given: dict[str, Any]) -> None:
        services.change_membership_activity(
            actor=actor, membership_id=membership.id, is_active=is_active, reason=given["reason"]
        )

    def is_offered(actor: Actor, membership: Membership) -> bool:
        return is_operator(actor) and membership.is_active is not is_active and membership.user_id != actor.user_id

    return Act(name, label, perform, is_offered, ReasonForm, **options)


class ReadMemberships:
    """How memberships look, on every site."""

    icon = "badge"
    list_select_related = ("user", "organization")
    fields = ("user", "organization", "role", "is_active", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user", "organization")


@admin.register(Membership, site=operator_site)
class MembershipAdmin(ReadMemberships, WorkspaceAdmin):
    list_display = ("user", "organization", "role", "is_active", "created_at")
    list_filter = ("role", "is_active")
    search_fields = ("user__email", "user__name", "organization__name", "organization__uscc")
    form = MemberForm
    autocomplete_fields = ("organization",)
    add_roles = OPERATORS
    acts = (
        membership_act("end", _("End"), False, explanation=_("Its tokens stop working at once."), is_dangerous=True),
        membership_act("restore", _("Restore"), True),
    )

    def get_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return ("organization", "role", "email", "name", "password") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Membership, form: ModelForm, change: bool) -> None:
        made = services.add_member(actor=self.actor(request), **form.cleaned_data)
        obj.id, obj.user = made.id, made.user


@admin.register(Membership, site=vendor_site)
class OwnMembershipAdmin(ReadMemberships, OrganizationScopedAdmin):
    organization_path = "organization_id"
    list_display = ("user", "role", "is_active", "created_at")
    search_fields = ("user__email", "user__name")


class TokenPages:
    """Issue (the secret is on the answer's page, once), look at and revoke tokens."""

    icon = "key"
    form = TokenForm
    list_filter = ("expires_at",)
    search_fields = ("name", "prefix")
    list_select_related = ("membership__user", "membership__organization")
    fields = (
        "name",
        "prefix",
        "membership",
        "scopes_text",
        "created_at",
        "expires_at",
        "revoked_at",
        "derived_from",
    )
    acts = (
        Act(
            "revoke",
            _("Revoke"),
            lambda actor, token, given: services.revoke_token(actor=actor, token_id=token.id),
            lambda actor, token: token.revoked_at is None,
            explanation=_("The token and all derived from it stop working at once. This cannot be undone."),
            is_dangerous=True,
        ),
    )

    @admin.display(description=_("scopes"))
    def scopes_text(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description=_("usable"), boolean=True)
    def usable(self, token: ApiToken) -> bool:
        return token.revoked_at is None and token.expires_at > clock.now()

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return ("membership", "name", "scopes", "days") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return () if obj is None else self.fields

    def save_model(self, request: HttpRequest, obj: ApiToken, form: TokenForm, change: bool) -> None:
        (secret,) = services.issue_tokens(
            actor=self.actor(request),
            memberships=[form.cleaned_data["membership"]],
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            lifetime=form.lifetime,
        )
        issued = selectors.token_by_prefix(secret.split("_")[1])
        obj.id, obj.prefix, obj.secret = issued.id, issued.prefix, secret

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": _("New API token"),
            "opts": self.opts,
            "secret": obj.secret,
            "token": obj.membership,
            "back": reverse(f"{self.admin_site.name}:accounts_apitoken_changelist"),
        }
        response = TemplateResponse(request, "accounts/token_issued.html", context)
        add_never_cache_headers(response)
        return response


@admin.register(ApiToken, site=operator_site)
class ApiTokenAdmin(TokenPages, WorkspaceAdmin):
    list_display = ("prefix", "name", "membership", "scopes_text", "usable", "expires_at", "revoked_at")
    search_fields = (*TokenPages.search_fields, "membership__user__email", "membership__organization__name")
    autocomplete_fields = ("membership",)
    add_roles = OPERATORS


@admin.register(ApiToken, site=vendor_site)
class OwnApiTokenAdmin(TokenPages, OrganizationScopedAdmin):
    """A member's own tokens; an owner sees and revokes those of the whole organisation."""

    form = OwnTokenForm
    organization_path = "membership__organization_id"
    list_display = ("prefix", "name", "holder", "scopes_text", "usable", "expires_at", "revoked_at")
    add_roles = (Role.OWNER, Role.LISTER, Role.FINANCE)

    @admin.display(description=_("held by"))
    def holder(self, token: ApiToken) -> str:
        return f"{token.membership.user} ({token.membership.get_role_display()})"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request) & selectors.tokens_visible_to(self.actor(request))

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> ModelChoiceField:
        own = selectors.memberships_of(self.actor(request)).select_related("user", "organization")
        return super().formfield_for_foreignkey(db_field, request, **kwargs | {"queryset": own, "initial": own.first()})
