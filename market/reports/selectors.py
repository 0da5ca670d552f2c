"""Reads of reports."""

import uuid

from django.db.models import QuerySet

from accounts.states import SUPERVISORS, Role
from market.kernel.actors import Actor
from market.kernel.errors import Forbidden, NotFound
from market.reports.models import Report

ASKERS = frozenset({Role.AUDITOR, Role.OPERATOR})


def require_supervisor(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor is an auditor or operator of the exchange or of a regulator: a vendor's own
    auditor sees the vendor's workspace, not everybody's trade."""
    actor.require_role(*ASKERS)
    if not actor.capacities & SUPERVISORS:
        raise Forbidden(capacity=sorted(SUPERVISORS))


def reports_visible_to(actor: Actor) -> QuerySet[Report]:
    """The reports that the actor's organisation has asked for. Raises ``Forbidden``."""
    require_supervisor(actor)
    return Report.objects.filter(organization_id=actor.organization_id)


def report(actor: Actor, report_id: uuid.UUID) -> Report:
    """One of them. Raises ``NotFound`` for another organisation's as for none."""
    found = reports_visible_to(actor).filter(id=report_id).first()
    if found is None:
        raise NotFound
    return found
