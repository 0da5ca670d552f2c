"""Reads of what vendors earn, and what a capture needs to know."""

import datetime
import uuid

from django.db.models import QuerySet

from accounts.states import Capacity
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound
from market.settlement.errors import NoFeeSchedule
from market.settlement.models import (
    BatchLine,
    Capture,
    DayClose,
    FeeSchedule,
    Payout,
    PayoutStop,
    ReconciliationReport,
    SettlementBatch,
)

_SEE_ALL = frozenset({Capacity.OPERATOR, Capacity.REGULATOR})


def schedule_in_force(at: datetime.datetime) -> FeeSchedule:
    """The fee schedule that applies at the moment ``at``. Raises ``NoFeeSchedule``."""
    found = FeeSchedule.objects.filter(effective_from__lte=at).order_by("-effective_from", "-version").first()
    if found is None:
        raise NoFeeSchedule("Create one with manage.py fee_schedule, or in the operators' workspace.")
    return found


def _own(rows: QuerySet, actor: Actor) -> QuerySet:
    """Everything for operators and auditors, else what the actor's organisation earned as a vendor."""
    if actor is SYSTEM or actor.capacities & _SEE_ALL:
        return rows
    return rows.filter(vendor_org_id=actor.organization_id)


def fee_schedules() -> QuerySet[FeeSchedule]:
    """Every version of the fees; they are no secret."""
    return FeeSchedule.objects.all()


def captures_visible_to(actor: Actor) -> QuerySet[Capture]:
    """Captures with what a line about them shows."""
    return _own(Capture.objects.select_related("order", "charge", "vendor_org", "schedule"), actor)


def batches_visible_to(actor: Actor) -> QuerySet[SettlementBatch]:
    """Batches with their vendor and payouts: two queries however many."""
    return _own(SettlementBatch.objects.select_related("vendor_org").prefetch_related("payouts"), actor)


def batch_visible_to(actor: Actor, batch_id: uuid.UUID) -> SettlementBatch:
    """One batch. Raises ``NotFound`` also for other vendors' batches."""
    found = batches_visible_to(actor).filter(id=batch_id).first()
    if found is None:
        raise NotFound
    return found


def lines_of(batch: SettlementBatch) -> QuerySet[BatchLine]:
    """The lines of a batch with capture, charge, order and fee schedule."""
    related = ("capture__order", "capture__charge", "capture__schedule")
    return BatchLine.objects.filter(batch=batch).select_related(*related)


def payouts_visible_to(actor: Actor) -> QuerySet[Payout]:
    """Payouts with their vendor and batch."""
    return _own(Payout.objects.select_related("vendor_org", "batch"), actor)


def payout_visible_to(actor: Actor, payout_id: uuid.UUID) -> Payout:
    """One payout. Raises ``NotFound`` also for other vendors' payouts."""
    found = payouts_visible_to(actor).filter(id=payout_id).first()
    if found is None:
        raise NotFound
    return found


def open_stop() -> PayoutStop | None:
    """What keeps every payment from leaving now, if anything does; one look at an index of at most one row."""
    return PayoutStop.objects.filter(lifted_at=None).first()


def last_report() -> ReconciliationReport | None:
    """The latest look at the books."""
    return ReconciliationReport.objects.order_by("-id").first()


def last_close() -> DayClose | None:
    """The latest business day that was closed."""
    return DayClose.objects.select_related("report").order_by("-day").first()
