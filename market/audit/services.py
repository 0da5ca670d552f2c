"""How rooms leave evidence: build an event and insert it together with the act's other rows."""

import uuid
from typing import Any

from structlog.contextvars import get_contextvars

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import Actor


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
    return AuditEvent(
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
