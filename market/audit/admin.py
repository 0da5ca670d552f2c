"""The evidence, for operators and auditors to read. Nobody changes it: not here, not anywhere."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, FieldTextFilter

from market.audit.models import AuditEvent
from market.audit.selectors import event_names
from market.kernel.clock import BUSINESS_ZONE
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site


class NameFilter(DropdownFilter):
    """By the act's name, out of those that have happened."""

    title = _("act")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> Sequence[tuple[str, str]]:
        return [(name, name) for name in event_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(AuditEvent, site=operator_site)
@admin.register(AuditEvent, site=auditor_site)
class AuditEventAdmin(WorkspaceAdmin):
    """Newest first; found by the key of what the act was about, or by who did it."""

    icon = "fact_check"
    list_display = ("when", "name", "actor_label", "actor_role", "subject_short", "summary")
    list_display_links = ("when",)
    list_filter = (NameFilter, ("occurred_at", BusinessDayFilter), ("actor_label", FieldTextFilter), "actor_role")
    list_filter_sheet = True
    search_fields = ("subject_id",)
    search_help_text = _("Key of an order, product, organisation or user, or the beginning of who did it")
    fields = (
        "name",
        "occurred_at",
        "actor_label",
        "actor_role",
        "subject",
        "payload_lines",
        "actor_user_id",
        "actor_org_id",
        "on_behalf_of_org_id",
        "buyer_org_id",
        "vendor_org_id",
        "request_id",
        "id",
        "sequence",
    )
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """A key is looked up as the key it is, by index; anything else is the beginning of who did it."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(subject_id=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(actor_label__istartswith=term), False

    @admin.display(description=_("when"), ordering="occurred_at")
    def when(self, event: AuditEvent) -> SafeString:
        """To the second, on one line, in the business zone."""
        local = event.occurred_at.astimezone(BUSINESS_ZONE)
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{local:%Y-%m-%d %H:%M:%S}")

    @admin.display(description=_("subject"))
    def subject(self, event: AuditEvent) -> str:
        """What the act was about; a link when this workspace has a page for it."""
        return self._linked(event, f"{event.subject_type} {event.subject_id}")

    @admin.display(description=_("subject"))
    def subject_short(self, event: AuditEvent) -> str:
        """The same for a list: the end of the key tells rows apart."""
        text = self._linked(event, f"{event.subject_type} …{event.subject_id.hex[-8:]}")
        return format_html('<span class="whitespace-nowrap">{}</span>', text)

    def _linked(self, event: AuditEvent, text: str) -> str:
        for model in self.admin_site._registry:
            if model._meta.model_name == event.subject_type:
                view = f"{self.admin_site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
                url = reverse(view, args=[event.subject_id])
                return format_html('<a class="text-link workspace-code" href="{}">{}</a>', url, text)
        return format_html('<span class="workspace-code">{}</span>', text)

    @admin.display(description=_("details"))
    def summary(self, event: AuditEvent) -> str:
        """The payload in one line."""
        line = ", ".join(f"{name}: {_plain(value)}" for name, value in event.payload.items())
        return line if len(line) <= 80 else f"{line[:79]}…"

    @admin.display(description=_("details"))
    def payload_lines(self, event: AuditEvent) -> SafeString:
        """The payload, one line a member."""
        return format_html(
            '<dl class="workspace-facts">{}</dl>',
            format_html_join(
                "", "<dt>{}</dt><dd>{}</dd>", ((name, _plain(value)) for name, value in event.payload.items())
            ),
        )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
