import uuid

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from market.outbox import registry, services
from market.outbox.models import Job
from market.outbox.states import JobState
from market.workspaces.acts import Act
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.sites import operator_site


class KindFilter(SimpleListFilter):
    """By kind, offering the registered ones: asking the table for its kinds would read all of it."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: WorkspaceAdmin) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in registry.kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@register(Job, site=operator_site)
class JobAdmin(WorkspaceAdmin):
    """Durable work, read-only; a dead letter can be sent back to work."""

    icon = "pending_actions"
    list_display = ("kind", "key", "state", "attempts", "due_at", "error", "created_at")
    list_filter = ("state", KindFilter)
    search_fields = ("subject_id",)
    search_help_text = _("The full id of an order, report or other subject")
    fields = (
        "kind", "key", "subject_id", "state", "attempts", "fence", "due_at", "hinted_at", "lease_until",
        "last_error", "created_at", "finished_at",
    )  # fmt: skip
    acts = (
        Act(
            name="retry",
            label=_("Retry"),
            perform=lambda actor, job, answers: services.retry(actor=actor, job_id=job.id),
            is_offered=lambda actor, job: job.state == JobState.DEAD and actor.role == "operator",
            explanation=_("The work starts again with its attempts counted anew. Mend the cause first."),
        ),
    )

    @display(description=_("last error"))
    def error(self, job: Job) -> str:
        return Truncator(job.last_error).chars(80)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Jobs about the subject of that id: an index answers, whatever the size of the table."""
        if not search_term:
            return queryset, False
        try:
            return queryset.filter(subject_id=uuid.UUID(search_term.strip())), False
        except ValueError:
            return queryset.none(), False
