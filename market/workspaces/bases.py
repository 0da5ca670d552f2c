"""Base admin classes: everything is read-only until a class opens a door, and every door leads to a service."""

import uuid
from collections.abc import Collection
from typing import Any, NoReturn

from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from market.kernel.actors import Actor
from market.kernel.database import deadlock_refused
from market.kernel.errors import BusinessError
from market.workspaces.acts import ActsMixin, show_refusal

HISTORY_PAGE = 100


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
        kwargs.setdefault("queryset", self._choosable(db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self._choosable(db_field, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _choosable(self, db_field: ForeignKey | ManyToManyField, request: HttpRequest) -> QuerySet:
        """Offer only what the same site would list: never a row by the related model's default manager."""
        model = db_field.remote_field.model
        related = self.admin_site._registry.get(model)
        return related.get_queryset(request) if related else model._default_manager.none()


class WorkspaceChangeList(ChangeList):
    """A list that counts its rows once: without a filter, the result is the whole."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.has_active_filters and not self.query:
            self.full_result_count = self.result_count


class WorkspaceAdmin(WorkspacePermissions, ActsMixin, ModelAdmin):
    """Base of every admin class on every site.

    Rows are written by services only: a class that opens ``add_roles`` or ``change_roles`` overrides
    ``save_model`` to call one. When that raises a ``BusinessError``, the transaction is rolled back and the form comes
    back as it was typed, with the reasons beside the fields that ``errors`` points to.
    ``icon`` is the Material Symbols name in the sidebar.
    """

    icon = "description"
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WorkspaceChangeList

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        raise NotImplementedError("override save_model to call the room's service")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with deadlock_refused():
                return super().changeform_view(request, *args, **kwargs)
        except BusinessError as error:
            if request.method != "POST":
                raise
            request.refusal = error
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> type:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return form_class if refusal is None else _refused(form_class, refusal)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; a query string that no list can be made of leads back to the whole list, with a word about it."""
        try:
            response = super().changelist_view(request, extra_context)
            if type(response) is SimpleTemplateResponse or response.headers.get("Location", "").endswith("?e=1"):
                # Django's page for a broken database, or the first half of the way there.
                raise ValidationError("lookup")
        except (ValidationError, ValueError, DataError, OverflowError):
            if not request.GET and request.method == "GET":
                raise
            messages.warning(request, _("The list cannot be filtered like that, so this is the whole list."))
            return HttpResponseRedirect(request.path)
        return response

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> NoReturn:
        """Nothing is ever deleted from a workspace, so there is no page to do it."""
        raise Http404

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        """What is not there, or is somebody else's, is a 404: Django would lead to the first page with a message."""
        raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.get_object(request, unquote(object_id)) is None:
            raise Http404
        entries = (
            self.history_entries(request, unquote(object_id)).select_related("user").order_by("-action_time", "-id")
        )
        page = self.get_paginator(request, entries, HISTORY_PAGE).get_page(request.GET.get("p"))
        context = {
            "action_list": page,
            "page_range": page.paginator.get_elided_page_range(page.number),
            "pagination_required": page.paginator.num_pages > 1,
        }
        return super().history_view(request, object_id, context | (extra_context or {}))

    def history_entries(self, request: HttpRequest, object_id: str) -> QuerySet[LogEntry]:
        """What was done to the object in the workspaces, as far as the actor may know."""
        return LogEntry.objects.filter(object_id=object_id, content_type=get_content_type_for_model(self.model))


def _refused(form_class: type[ModelForm], refusal: BusinessError) -> type[ModelForm]:
    """The form class, its validation failing with what the service said."""

    class Refused(form_class):
        def _post_clean(self) -> None:
            super()._post_clean()
            show_refusal(self, refusal)

    return Refused


class WholeNumberSearch:
    """Search by whole numbers and keys only, so that an index answers whatever the size of the table.

    ``number_path`` is the lookup from the model to the number.
    """

    number_path = "number"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """The row of that key, or the rows of that number."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(id=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(**{self.number_path: term.upper()}), False


def _unlinked(fields: Collection[Any]) -> list[Any]:
    return ["buyer_name" if name == "buyer_org" else name for name in fields]


class OrganizationScope:
    """Rows of the actor's own organisation only: lists, detail, history, autocomplete, actions and acts alike.

    ``organization_path`` is the lookup from the model to the owning organisation's key.
    """

    organization_path = "vendor_org_id"

    def organization_id(self, request: HttpRequest) -> uuid.UUID | None:
        """The organisation the actor acts for."""
        return self.admin_site.actor(request).organization_id

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(**{self.organization_path: self.organization_id(request)})


class OrganizationScopedAdmin(OrganizationScope, WorkspaceAdmin):
    """Base of every admin class on the vendor site. The buyer is named, not linked: its page is not the vendor's."""

    @display(description=gettext_lazy("buyer"))
    def buyer_name(self, row: Any) -> str:
        """In the place of a field ``buyer_org``, of which Django would make a link."""
        return str(row.buyer_org)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return _unlinked(super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return _unlinked(super().get_readonly_fields(request, obj))

    def history_entries(self, request: HttpRequest, object_id: str) -> QuerySet[LogEntry]:
        """Only what colleagues did: who of the operator looked at it, and what they noted, is the operator's.

        A log entry names no workspace, so a colleague who ever served the exchange as well is left out altogether.
        """
        colleagues = {"user__memberships__organization_id": self.organization_id(request)}
        servants = {"user__memberships__organization__capacities__contains": ["operator"]}
        return super().history_entries(request, object_id).filter(**colleagues).exclude(**servants).distinct()


class WorkspaceInline(WorkspacePermissions, TabularInline):
    """Inline rows under the same rules; read-only unless a class opens a door."""

    extra = 0
