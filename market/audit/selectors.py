"""Reads of the evidence."""

import uuid

from django.db.models import QuerySet

from market.audit.models import AuditEvent


def events_of(subject_id: uuid.UUID) -> QuerySet[AuditEvent]:
    """Every event about one subject, oldest first."""
    return AuditEvent.objects.filter(subject_id=subject_id).order_by("id")
