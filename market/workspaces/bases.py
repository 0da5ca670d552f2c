"""Base admin classes: everything is read-only until a class opens a door, and every door leads to a service."""

import uuid
from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin, TabularInline

from market.kernel.actors import Actor
from market.kernel.errors import BusinessError
from market.workspaces.acts import ActsMixin


class WorkspacePermissions:
    """Django's admin permissions, answered by the workspace: members see, and change only what a class opens.

    ``add_roles`` and ``change_roles`` name the roles that may add or edit; empty means nobody.
    """

    add_roles: Collection[str] = ()
    change_roles: Collection[str] = ()

    def actor(self, request: HttpRequest) -> Actor:
        """Who acts in this workspace."""
        return self.admin_site.actor(request)

    def _may(self, request: HttpRequest, roles: Collection[str]) -> bool:
        actor = self.admin_site.find_actor(request)
        return actor is not None and actor.role in roles

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, self.add_roles)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, self.change_roles)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> ModelChoiceField:
        """Offer only what the same site would list: never a row by the related model's default manager."""
        related = self.admin_site._registry.get(db_field.remote_field.model)
        if "queryset" not in kwargs:
            everything = db_field.remote_field.model._default_manager
            kwargs["queryset"] = related.get_queryset(request) if related else everything.none()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class WorkspaceAdmin(WorkspacePermissions, ActsMixin, ModelAdmin):
    """Base of every admin class on every site.

    Rows are written by services only: a class that opens ``add_roles`` or ``change_roles`` overrides
    ``save_model`` to call one. A ``BusinessError`` becomes a message on the page; the transaction is rolled back.
    """

    list_filter_submit = True
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        raise NotImplementedError("override save_model to call the room's service")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except BusinessError as error:
            for message in error.errors.values() or [error]:
                messages.error(request, str(message))
            return HttpResponseRedirect(request.get_full_path())


class OrganizationScope:
    """Rows of the actor's own organisation only: lists, detail, history, autocomplete, actions and acts alike.

    ``organization_path`` is the lookup from the model to the owning organisation's key.
    """

    organization_path = "vendor_org_id"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        organization_id: uuid.UUID | None = self.admin_site.actor(request).organization_id
        return super().get_queryset(request).filter(**{self.organization_path: organization_id})


class OrganizationScopedAdmin(OrganizationScope, WorkspaceAdmin):
    """Base of every admin class on the vendor site."""


class WorkspaceInline(WorkspacePermissions, TabularInline):
    """Inline rows under the same rules; read-only unless a class opens a door."""

    extra = 0
