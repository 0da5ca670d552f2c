"""Reads of the evidence."""

import uuid

from django.db import connection
from django.db.models import QuerySet

from market.audit.models import AuditEvent


def events_of(subject_id: uuid.UUID) -> QuerySet[AuditEvent]:
    """Every event about one subject, oldest first."""
    return AuditEvent.objects.filter(subject_id=subject_id).order_by("id")


def event_names() -> list[str]:
    """The names of acts that have happened, in order. Jumps from name to name in the index: as many steps as names,
    however many events there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE names(name) AS (
                (SELECT name FROM audit_auditevent ORDER BY name LIMIT 1)
                UNION ALL
                SELECT (SELECT event.name FROM audit_auditevent AS event
                         WHERE event.name > names.name ORDER BY event.name LIMIT 1)
                  FROM names WHERE names.name IS NOT NULL
            )
            SELECT name FROM names WHERE name IS NOT NULL
            """
        )
        return [name for (name,) in cursor.fetchall()]


def events(*, name: str | None = None, subject: uuid.UUID | None = None) -> QuerySet[AuditEvent]:
    """Events by name, by subject, or both; all of them when neither is given. For those who may see everything."""
    found = AuditEvent.objects.all()
    if name:
        found = found.filter(name=name)
    if subject:
        found = found.filter(subject_id=subject)
    return found
