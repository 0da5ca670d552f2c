"""One line an audit event."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from market.audit.models import AuditEvent
from market.reports.exporters.base import Exporter, moment, plain, text
from market.reports.exporters.parameters import EventParameters, given, within


def rows(parameters: Mapping[str, Any]) -> QuerySet[AuditEvent]:
    """Events of acts in the period."""
    condition = within("occurred_at", parameters.get("date_from"), parameters.get("date_until"))
    condition &= given({"name": parameters.get("name"), "subject_id": parameters.get("subject")})
    if organization := parameters.get("organization"):
        condition &= (
            Q(actor_org_id=organization)
            | Q(on_behalf_of_org_id=organization)
            | Q(buyer_org_id=organization)
            | Q(vendor_org_id=organization)
        )
    return AuditEvent.objects.filter(condition)


EVENTS = Exporter(
    identifier="events",
    title=_("Audit events"),
    explanation=_("One line an act: who did what to what, when, and the details as they were recorded."),
    parameters=EventParameters,
    rows=rows,
    columns=(
        plain("event_id", "id"),
        plain("sequence", "sequence"),
        moment("occurred_at", "occurred_at"),
        plain("name", "name"),
        text("actor", "actor_label"),
        plain("actor_role", "actor_role"),
        plain("actor_user_id", "actor_user_id"),
        plain("actor_org_id", "actor_org_id"),
        plain("on_behalf_of_org_id", "on_behalf_of_org_id"),
        plain("subject_type", "subject_type"),
        plain("subject_id", "subject_id"),
        plain("buyer_org_id", "buyer_org_id"),
        plain("vendor_org_id", "vendor_org_id"),
        text("payload", Cast("payload", TextField())),
        text("request_id", "request_id"),
    ),
)
