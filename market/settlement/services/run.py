"""The settlement run: what was captured before a cutoff becomes one batch a vendor, and is paid."""

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Iterator, Sequence

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.kernel.errors import InvalidInput
from market.ledger.models import Account
from market.ledger.services import posting
from market.orders import services as orders
from market.outbox.models import Job
from market.outbox.services import job
from market.settlement import jobs
from market.settlement.business_days import cutoff_day
from market.settlement.locks import alone
from market.settlement.models import BatchLine, SettlementBatch
from market.settlement.selectors import open_stop
from market.settlement.services.holds import hold_on, payables, refresh_holds
from market.settlement.services.payouts import (
    bank_account,
    leave,
    lock_payables,
    new_payout,
    require_no_stop,
    require_treasurer,
)
from market.settlement.services.refunds import repay_receivables
from market.settlement.states import PayoutState

logger = structlog.get_logger(__name__)

SLICE_VENDORS = 200
SLICE_CAPTURES = 20_000

DUE = """
SELECT vendor_org_id, sum(captures)
  FROM (
        SELECT capture.vendor_org_id, count(*) AS captures
          FROM settlement_capture AS capture
         WHERE capture.captured_at < %s
           AND NOT EXISTS (SELECT FROM settlement_batchline AS line WHERE line.capture_id = capture.id)
         GROUP BY capture.vendor_org_id
        UNION ALL
        SELECT organization_id, 0
          FROM ledger_account
         WHERE kind = 'payable' AND balance > 0 AND settlement_carried(organization_id, currency) > 0
       ) AS due
 GROUP BY vendor_org_id
 ORDER BY vendor_org_id
"""

# One statement, so that a capture that commits meanwhile is in both the sums and the lines or in neither. A vendor that
# has a batch of this cutoff already gets none: what was captured late waits for the next cutoff. So does what is too
# little to pay: it is carried over until it is enough. What earlier batches left over, as after a payout that was given
# up, needs no new capture to be paid; a vendor who is owed nothing gets a batch without a payout.
MAKE_BATCHES = """
WITH due AS MATERIALIZED (
    SELECT capture.*
      FROM settlement_capture AS capture
     WHERE capture.captured_at < %(cutoff)s
       AND capture.vendor_org_id = ANY(%(vendors)s::uuid[])
       AND NOT EXISTS (SELECT FROM settlement_batchline AS line WHERE line.capture_id = capture.id)
), batch AS (
    INSERT INTO settlement_settlementbatch
           (id, vendor_org_id, currency, cutoff, order_count, gross, net, commission, vat, carried, created_at)
    SELECT settlement_uuid7(), vendor_org_id, currency, %(cutoff)s,
           count(id), sum(gross)::bigint, sum(net)::bigint, sum(commission)::bigint, sum(vat)::bigint,
           settlement_carried(vendor_org_id, currency), %(now)s
      FROM (
            SELECT vendor_org_id, currency, id, gross, net, commission, vat FROM due
            UNION ALL
            SELECT organization_id, currency, NULL, 0, 0, 0, 0
              FROM ledger_account
             WHERE kind = 'payable' AND balance > 0 AND organization_id = ANY(%(vendors)s::uuid[])
               AND settlement_carried(organization_id, currency) > 0
           ) AS owed
     GROUP BY vendor_org_id, currency
    HAVING sum(net) + settlement_carried(vendor_org_id, currency) >= %(minimum)s
        OR sum(net) + settlement_carried(vendor_org_id, currency) <= 0
        ON CONFLICT ON CONSTRAINT settlement_batch_once DO NOTHING
    RETURNING *
), line AS (
    INSERT INTO settlement_batchline (id, batch_id, capture_id, vendor_org_id)
    SELECT settlement_uuid7(), batch.id, due.id, due.vendor_org_id
      FROM due
      JOIN batch USING (vendor_org_id, currency)
)
SELECT * FROM batch
"""


@dataclasses.dataclass(frozen=True, slots=True)
class SettlementRun:
    """What a run did: batches made, orders settled, fen the vendors earned, payouts sent and payouts that wait."""

    cutoff: datetime.datetime
    batches: int = 0
    orders: int = 0
    net: int = 0
    sent: int = 0
    held: int = 0

    def __add__(self, other: "SettlementRun") -> "SettlementRun":
        return SettlementRun(
            self.cutoff,
            self.batches + other.batches,
            self.orders + other.orders,
            self.net + other.net,
            self.sent + other.sent,
            self.held + other.held,
        )


def cutoff_due() -> datetime.datetime:
    """The cutoff that is due now under T+``SETTLEMENT_DAYS`` business days: a midnight in Asia/Shanghai."""
    return clock.business_midnight(cutoff_day(clock.business_date(), settings.SETTLEMENT_DAYS))


def run_settlement(
    *,
    actor: Actor,
    cutoff: datetime.datetime,
    heartbeat: Callable[[], object] = lambda: None,
    progress: Callable[["SettlementRun"], object] = lambda done: None,
) -> SettlementRun:
    """Settle everything captured before ``cutoff`` that is in no batch yet: one batch a vendor and currency.

    Each batch gets its lines, its evidence and a payout, which is sent at once unless the vendor has no bank account
    or is not verified (it then waits and says why); the orders whose last charge it pays are settled. Vendors are taken
    a slice a transaction, ``heartbeat`` is called before each and ``progress`` told after each what is done so far: a
    run that dies is finished by the next one. Again, or twice at once, with the same cutoff: nothing new.

    Raises ``PayoutsStopped`` while the books do not add up, ``InvalidInput`` for a cutoff that has not come yet,
    ``Forbidden``.
    """
    require_treasurer(actor)
    if cutoff > clock.now():
        raise InvalidInput(errors={"/cutoff": _("The cutoff must have passed.")})
    done = SettlementRun(cutoff)
    for vendor_ids in _slices(cutoff):
        heartbeat()
        with posting(), transaction.atomic():
            alone("run")
            require_no_stop()
            lock_payables(vendor_ids)
            repay_receivables(vendor_ids=vendor_ids)
            done += _settle(actor, cutoff, vendor_ids)
        progress(done)
    refresh_holds()
    return done


def ask_for_run() -> None:
    """Record the job that settles what is due by now; asked again for the same cutoff, it is the same job."""
    key = clock.business_date(cutoff_due()).isoformat()
    with transaction.atomic():
        wanted = job(jobs.RUN, key=key, subject_id=uuid.uuid5(uuid.NAMESPACE_URL, f"settlement:{key}"))
        Job.objects.bulk_create([wanted], ignore_conflicts=True)


def perform_run(key: str, heartbeat: Callable[[], object]) -> SettlementRun:
    """What the job asks for: settle what was captured before the day that its key begins with (Asia/Shanghai).

    Nothing while payments are stopped: whoever lifts the stop asks for another run.
    """
    cutoff = clock.business_midnight(datetime.date.fromisoformat(key.partition(":")[0]))
    if open_stop() is not None:
        logger.warning("settlement.run_skipped", key=key, reason="payouts are stopped")
        return SettlementRun(cutoff)
    return run_settlement(actor=SYSTEM, cutoff=cutoff, heartbeat=heartbeat)


def _slices(cutoff: datetime.datetime) -> Iterator[list[uuid.UUID]]:
    """Vendors with something due, as many at a time as one transaction should take."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [cutoff])
        due = cursor.fetchall()
    vendor_ids: list[uuid.UUID] = []
    captures = 0
    for vendor_id, count in due:
        if vendor_ids and (len(vendor_ids) == SLICE_VENDORS or captures + count > SLICE_CAPTURES):
            yield vendor_ids
            vendor_ids, captures = [], 0
        vendor_ids.append(vendor_id)
        captures += count
    if vendor_ids:
        yield vendor_ids


def _settle(actor: Actor, cutoff: datetime.datetime, vendor_ids: list[uuid.UUID]) -> SettlementRun:
    made = list(
        SettlementBatch.objects.raw(
            MAKE_BATCHES,
            {
                "cutoff": cutoff,
                "vendors": vendor_ids,
                "now": clock.now(),
                "minimum": settings.PAYOUT_MINIMUM,
            },
        )
    )
    if not made:
        return SettlementRun(cutoff)
    insert_together(_proof(actor, batch) for batch in made)
    _mark_orders(made)
    sent, held = _pay(actor, made)
    return SettlementRun(
        cutoff,
        batches=len(made),
        orders=sum(batch.order_count for batch in made),
        net=sum(batch.net for batch in made),
        sent=sent,
        held=held,
    )


def _mark_orders(made: Sequence[SettlementBatch]) -> None:
    """The trades whose last charge is paid by these batches are over."""
    lines = BatchLine.objects.filter(batch__in=[batch.id for batch in made], capture__charge__is_final=True)
    orders.mark_settled(order_ids=lines.values("capture__order_id"))


def _pay(actor: Actor, made: Sequence[SettlementBatch]) -> tuple[int, int]:
    """A payout for each batch of which something is due; returns how many were sent and how many wait."""
    accounts = payables({batch.vendor_org_id for batch in made})
    banks: dict[str, Account] = {currency: bank_account(currency) for currency in {batch.currency for batch in made}}
    payouts, rows = [], []
    for batch in made:
        if batch.net + batch.carried <= 0:
            continue
        payout = new_payout(batch, batch.net + batch.carried)
        payable = accounts[batch.vendor_org_id, batch.currency]
        hold = hold_on(payout, payable)
        if hold is None:
            payout.state = PayoutState.SENT
            payout.bank_account = payable.organization.bank_account
            payout.bank_code = payable.organization.bank_code
            payout.sent_at = clock.now()
            rows.extend(leave(actor, payout, payable, banks[batch.currency]))
        else:
            payout.hold = hold
        payouts.append(payout)
    insert_together(payouts, rows)
    sent = sum(payout.state == PayoutState.SENT for payout in payouts)
    return sent, len(payouts) - sent


def _proof(actor: Actor, batch: SettlementBatch) -> AuditEvent:
    return event(
        "settlement.batched",
        actor=actor,
        subject=("settlement_batch", batch.id),
        on_behalf_of=batch.vendor_org_id,
        vendor_org_id=batch.vendor_org_id,
        payload={
            "cutoff": batch.cutoff.isoformat(),
            "orders": batch.order_count,
            "gross": batch.gross,
            "net": batch.net,
            "commission": batch.commission,
            "vat": batch.vat,
            "carried": batch.carried,
            "currency": batch.currency,
        },
    )
