"""Reads of what vendors earn, and what a capture needs to know."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from accounts.selectors import sees_everything
from market.catalog.models import Product
from market.catalog.states import ProductState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.kernel.money import CURRENCY
from market.orders.models import Charge
from market.settlement.errors import NoFeeSchedule
from market.settlement.models import (
    BatchLine,
    DayClose,
    FeeOverride,
    FeeSchedule,
    MonthlyVolume,
    Payout,
    PayoutStop,
    ReconciliationReport,
    Refund,
    SettlementBatch,
)
from market.settlement.models.fees import CommissionScale


def schedule_in_force(at: datetime.datetime) -> FeeSchedule:
    """The fee schedule that applies at the moment ``at``. Raises ``NoFeeSchedule``."""
    found = FeeSchedule.objects.filter(effective_from__lte=at).order_by("-effective_from", "-version").first()
    if found is None:
        raise NoFeeSchedule("Create one with manage.py fee_schedule, or in the operators' workspace.")
    return found


def vendors_of_charges(charge_ids: Sequence[uuid.UUID]) -> QuerySet:
    """The keys of the vendors whose charges these are, for another query to stand on."""
    return Charge.objects.filter(id__in=charge_ids).values("vendor_org_id")


def refunds_visible_to(actor: Actor) -> QuerySet[Refund]:
    """Refunds after capture with their order: a vendor's own, or all."""
    return _own(Refund.objects.select_related("order", "vendor_org", "buyer_org"), actor)


AGEING = """
SELECT vendor_org_id, sum(open) FILTER (WHERE age <= 30), sum(open) FILTER (WHERE age BETWEEN 31 AND 60),
       sum(open) FILTER (WHERE age BETWEEN 61 AND 90), sum(open) FILTER (WHERE age > 90)
  FROM (
        SELECT advance.vendor_org_id,
               least(advance.advanced,
                     greatest(0, sum(advance.advanced) OVER earlier - coalesce(repaid.amount, 0))) AS open,
               %(today)s - (advance.refunded_at AT TIME ZONE 'Asia/Shanghai')::date AS age
          FROM settlement_refund AS advance
          LEFT JOIN (
                SELECT account.organization_id, account.currency, sum(posted.amount) AS amount
                  FROM ledger_account AS account
                  JOIN ledger_transfer AS posted ON posted.credit_account_id = account.id
                 WHERE account.kind = 'receivable'
                 GROUP BY account.organization_id, account.currency
               ) AS repaid ON (repaid.organization_id, repaid.currency) = (advance.vendor_org_id, advance.currency)
         WHERE advance.advanced > 0 AND (%(vendor)s::uuid IS NULL OR advance.vendor_org_id = %(vendor)s)
        WINDOW earlier AS (PARTITION BY advance.vendor_org_id, advance.currency ORDER BY advance.id)
       ) AS owed
 WHERE open > 0
 GROUP BY vendor_org_id
"""
AGES = ("0-30", "31-60", "61-90", "90+")
"""Days since the exchange advanced a refund; the oldest advance is repaid first."""


def receivables_by_age(vendor_id: uuid.UUID | None = None) -> dict[uuid.UUID, dict[str, int]]:
    """What vendors owe (fen) by how many days they have owed it, of one vendor or of all that owe; one query."""
    with connection.cursor() as cursor:
        cursor.execute(AGEING, {"today": clock.business_date(), "vendor": vendor_id})
        rows = cursor.fetchall()
    return {vendor: {age: int(amount or 0) for age, amount in zip(AGES, sums, strict=True)} for vendor, *sums in rows}


def _own(rows: QuerySet, actor: Actor) -> QuerySet:
    """Everything for operators and auditors, else what the actor's organisation earned as a vendor."""
    if sees_everything(actor):
        return rows
    return rows.filter(vendor_org_id=actor.organization_id)


def fee_schedules_visible_to(actor: Actor) -> QuerySet[FeeSchedule]:
    """Schedules with their special rates: two queries however many. Drafts, and what other vendors have been granted,
    are for the exchange and its auditors only."""
    rates = FeeOverride.objects.select_related("vendor_org").order_by("sector", "vendor_org__name")
    schedules = FeeSchedule.objects.all()
    if not sees_everything(actor):
        rates = rates.filter(Q(vendor_org=None) | Q(vendor_org=actor.organization_id))
        schedules = schedules.filter(version__isnull=False)
    return schedules.prefetch_related(Prefetch("overrides", rates))


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """Rates that apply to a vendor now; ``sector`` is the letter of the sector whose products alone they apply to."""

    rates: CommissionScale
    sector: str = ""


def volume_of(vendor_id: uuid.UUID) -> int:
    """What has been captured for the vendor in the present month (Asia/Shanghai), gross, in fen."""
    month = clock.business_date().replace(day=1)
    found = MonthlyVolume.objects.filter(vendor_org=vendor_id, currency=CURRENCY, month=month)
    return found.values_list("gross", flat=True).first() or 0


def scales_of(vendor_id: uuid.UUID) -> list[Scale]:
    """The vendor's own scale, or everybody's and those of the sectors it sells in: two queries.

    Raises ``NoFeeSchedule``.
    """
    schedule = schedule_in_force(clock.now())
    sectors = Product.objects.filter(vendor_org=vendor_id, state=ProductState.LISTED).order_by().values("sector")
    special = list(schedule.overrides.filter(Q(vendor_org=vendor_id) | Q(sector__in=sectors)).order_by("sector"))
    own = [Scale(rates) for rates in special if rates.vendor_org_id]
    return own or [Scale(schedule), *(Scale(rates, rates.sector) for rates in special)]


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
