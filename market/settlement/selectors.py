"""Reads of what vendors earn, and what a capture needs to know."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet

from accounts.states import Capacity
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound
from market.settlement.errors import NoFeeSchedule
from market.settlement.models import BatchLine, Capture, FeeSchedule, Payout, SettlementBatch

_SEE_ALL = frozenset({Capacity.OPERATOR, Capacity.REGULATOR})


def schedule_in_force(at: datetime.datetime) -> FeeSchedule:
    """The fee schedule that applies at the moment ``at``. Raises ``NoFeeSchedule``."""
    found = FeeSchedule.objects.filter(effective_from__lte=at).order_by("-effective_from", "-version").first()
    if found is None:
        raise NoFeeSchedule("Create one with manage.py fee_schedule, or in the operators' workspace.")
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Sale:
    """A charge with all that its capture needs: its order, the accounts, the fees in force, and whether it is done."""

    charge_id: uuid.UUID
    part: str
    amount: int
    is_final: bool
    order_id: uuid.UUID
    state: str
    currency: str
    buyer_org_id: uuid.UUID
    vendor_org_id: uuid.UUID
    taxpayer_type: str
    is_captured: bool
    must_wait: bool
    escrow_id: uuid.UUID | None
    payable_id: uuid.UUID | None
    commission_id: uuid.UUID | None
    vat_id: uuid.UUID | None
    schedule_id: uuid.UUID | None
    schedule_version: int | None
    commission_bps: int | None
    vat_bps: int | None


SALES = """
SELECT charge.id AS charge_id, charge.part, charge.amount, charge.is_final, sale.id AS order_id, sale.state,
       sale.currency, sale.buyer_org_id, sale.vendor_org_id, vendor.taxpayer_type,
       EXISTS (SELECT FROM settlement_capture WHERE charge_id = charge.id) AS is_captured,
       charge.is_final AND charge.amount = 0 AND EXISTS (
           SELECT FROM orders_charge AS other
            WHERE other.order_id = sale.id AND other.amount > 0
              AND NOT EXISTS (SELECT FROM settlement_capture WHERE charge_id = other.id)
       ) AS must_wait,
       escrow.id AS escrow_id, payable.id AS payable_id, commission.id AS commission_id, vat.id AS vat_id,
       schedule.id AS schedule_id, schedule.version AS schedule_version, schedule.commission_bps,
       CASE vendor.taxpayer_type
            WHEN 'small_scale' THEN schedule.vat_small_scale_bps ELSE schedule.vat_general_bps
       END AS vat_bps
  FROM orders_charge AS charge
  JOIN orders_order AS sale ON sale.id = charge.order_id
  JOIN accounts_organization AS vendor ON vendor.id = sale.vendor_org_id
  LEFT JOIN (
        SELECT * FROM settlement_feeschedule WHERE effective_from <= %s
         ORDER BY effective_from DESC, version DESC LIMIT 1
       ) AS schedule ON true
  LEFT JOIN ledger_account AS escrow
    ON (escrow.organization_id, escrow.kind, escrow.currency) = (sale.buyer_org_id, 'escrow', sale.currency)
  LEFT JOIN ledger_account AS payable
    ON (payable.organization_id, payable.kind, payable.currency) = (sale.vendor_org_id, 'payable', sale.currency)
  LEFT JOIN ledger_account AS commission
    ON (commission.organization_id, commission.kind, commission.currency)
     = (sale.vendor_org_id, 'commission', sale.currency)
  LEFT JOIN ledger_account AS vat
    ON (vat.organization_id, vat.kind, vat.currency) = (sale.vendor_org_id, 'vat', sale.currency)
 WHERE charge.id = ANY(%s::uuid[])
"""


def sales(charge_ids: Sequence[uuid.UUID], at: datetime.datetime) -> list[Sale]:
    """These charges with what their capture at the moment ``at`` needs: one query, the schedule in force included."""
    with connection.cursor() as cursor:
        cursor.execute(SALES, [at, list(charge_ids)])
        return [Sale(*row) for row in cursor.fetchall()]


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
