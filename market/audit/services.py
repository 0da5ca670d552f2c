"""How rooms leave evidence: build an event and insert it together with the act's other rows."""

import uuid
from typing import Any

from django.db import connection
from structlog.contextvars import get_contextvars

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import new_row


def event(
    name: str,
    *,
    actor: Actor,
    subject: tuple[str, uuid.UUID],
    payload: dict[str, Any] | None = None,
    on_behalf_of: uuid.UUID | None = None,
    buyer_org_id: uuid.UUID | None = None,
    vendor_org_id: uuid.UUID | None = None,
) -> AuditEvent:
    """An unsaved event: the caller inserts it in the transaction of the act it proves (``insert_together``).

    ``name`` is dotted, past tense (``order.placed``); ``subject`` is (type, key); ``payload`` must be JSON with
    amounts as integers of fen, and no personal data.
    """
    return new_row(
        AuditEvent,
        name=name,
        occurred_at=clock.now(),
        actor_user_id=actor.user_id,
        actor_org_id=actor.organization_id,
        actor_role=actor.role,
        actor_label=actor.label,
        on_behalf_of_org_id=on_behalf_of,
        subject_type=subject[0],
        subject_id=subject[1],
        buyer_org_id=buyer_org_id,
        vendor_org_id=vendor_org_id,
        payload=payload or {},
        request_id=str(get_contextvars().get("request_id", ""))[:64],
    )


def events_of_set(name: str, *, actor: Actor, subject_type: str, source: str) -> tuple[str, dict[str, Any]]:
    """SQL that leaves evidence of very many acts of one kind, an event for each row of ``source``, and its parameters.

    ``source`` is a FROM item of the caller's own and gives ``id`` (a fresh key), ``subject_id``,
    ``on_behalf_of_org_id``, ``buyer_org_id``, ``vendor_org_id`` and ``payload`` (jsonb, under the same rules as in
    ``event``). The caller makes it a part of the act's own statement.
    """
    like = event(name, actor=actor, subject=(subject_type, uuid.UUID(int=0)))
    # Only the source is not of this module, and it comes from code.
    statement = f"""
        INSERT INTO audit_auditevent
               (id, name, occurred_at, actor_user_id, actor_org_id, actor_role, actor_label, on_behalf_of_org_id,
                subject_type, subject_id, buyer_org_id, vendor_org_id, payload, request_id)
        SELECT act.id, %(event_name)s, %(event_occurred_at)s, %(event_actor_user_id)s::uuid,
               %(event_actor_org_id)s::uuid, %(event_actor_role)s, %(event_actor_label)s, act.on_behalf_of_org_id,
               %(event_subject_type)s, act.subject_id, act.buyer_org_id, act.vendor_org_id, act.payload,
               %(event_request_id)s
          FROM {source} AS act
    """  # noqa: S608
    fields = ("name", "occurred_at", "actor_user_id", "actor_org_id", "actor_role", "actor_label", "subject_type")
    return statement, {f"event_{field}": getattr(like, field) for field in (*fields, "request_id")}


def insert_events_of(selection: str, parameters: dict[str, Any], *, name: str, actor: Actor, subject_type: str) -> int:
    """Leave evidence of very many acts of one kind: a row of ``selection`` is an event. Returns how many.

    ``selection`` is SQL as ``events_of_set`` describes it; ``parameters`` are its values by name.
    """
    statement, shared = events_of_set(name, actor=actor, subject_type=subject_type, source=f"({selection})")
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters | shared)
        return cursor.rowcount
