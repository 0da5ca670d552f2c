"""Recording use: each record counts once, is drawn from the prepayment, and is never lost once acknowledged."""

import dataclasses
import datetime
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.billing.entries import Entry, read
from market.billing.errors import MeterEnded, NotReversible, OutsideContract, PrepaymentUsedUp, RecordDiffers
from market.billing.models import Meter, UsageRecord
from market.billing.services import meters
from market.billing.services.statements import close_through
from market.billing.states import MeterState
from market.catalog.pricing import month_charge
from market.catalog.states import PrepaidEnd
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import copy_values, insert_together
from market.kernel.errors import BusinessError, InvalidInput
from market.kernel.identifiers import uuid7
from market.kernel.money import MAX_AMOUNT, to_text
from market.ledger.services import posting
from market.orders.services.steps import evidence

REPORTING_ROLES = (Role.OWNER, Role.LISTER)

CLOCKS_DIFFER = datetime.timedelta(minutes=1)
"""How far in the future a vendor's clock may be."""

MAX_MONTH = 10**18
"""Units of one month: far inside PostgreSQL's bigint."""

REPORTED = (*meters.PAID_AHEAD, "units", "records", "drawn", "last_record_at")
"""What a report changes on a meter."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record: ``recorded``, with the fen it drew; a ``duplicate``; or a ``problem``."""

    record_id: str | None
    result: str
    drawn: int | None = None
    problem: BusinessError | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """A report's outcomes, in its order, and the meter after it."""

    meter: Meter
    outcomes: list[Outcome]


def record(*, actor: Actor, order_id: uuid.UUID, records: Sequence[Any]) -> Report:
    """The vendor reports use under an order: JSON objects with ``id``, ``units``, ``used_at`` or ``reverses``.

    Each record is judged by itself and in order, so a report may be accepted in part: what is reported again counts
    once, and what the prepayment does not cover is refused. What is accepted is there, with its evidence, when this
    returns. Six statements, however many records.

    Raises ``NotMetered``, ``Forbidden``, ``NotFound``; nothing has changed then.
    """
    actor.require_role(*REPORTING_ROLES)
    actor.require_capacity(Capacity.VENDOR)
    entries = [read(given) for given in records]
    with posting(), transaction.atomic():
        meter = meters.lock_own_meter(actor, order_id, "vendor")
        close_through(meter)
        ledger = _Tally(meter, _known(meter, entries))
        outcomes = [ledger.judge(entry) for entry in entries]
        _write(actor, ledger)
    # Ids of records that could not be read are given back too, where there are any.
    return Report(meter, [_named(outcome, given) for outcome, given in zip(outcomes, records, strict=True)])


def _named(outcome: Outcome, given: Any) -> Outcome:
    if outcome.record_id is not None or not isinstance(given, dict) or not isinstance(given.get("id"), str):
        return outcome
    return dataclasses.replace(outcome, record_id=given["id"])


class _Known(NamedTuple):
    """A record that is there, or was accepted earlier in this report."""

    key: uuid.UUID
    record_id: str
    units: int
    used_at: datetime.datetime
    is_trial: bool
    reverses: str | None
    is_reversed: bool


class _Row(NamedTuple):
    """A new ``UsageRecord``, as plain values."""

    id: uuid.UUID
    order_id: uuid.UUID
    buyer_org_id: uuid.UUID
    vendor_org_id: uuid.UUID
    record_id: str
    units: int
    used_at: datetime.datetime
    month: datetime.date
    is_trial: bool
    drawn: int
    reverses_id: uuid.UUID | None
    recorded_at: datetime.datetime


def _known(meter: Meter, entries: Sequence[Entry | BusinessError]) -> dict[str, _Known]:
    """Every record of the order that a report names, by its id; one query.

    ``LIMIT`` leaves PostgreSQL one way: to look each id up in the unique index. Left the choice, it reads all records
    of a busy order instead, whenever its statistics are old.
    """
    names = {name for entry in entries if isinstance(entry, Entry) for name in (entry.record_id, entry.reverses)}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT found.id, found.record_id, found.units, found.used_at, found.is_trial,
                   (SELECT first.record_id FROM billing_usagerecord AS first WHERE first.id = found.reverses_id),
                   (SELECT true FROM billing_usagerecord AS back WHERE back.reverses_id = found.id) IS NOT NULL
              FROM unnest(%s::varchar[]) AS named (record_id)
             CROSS JOIN LATERAL (
                    SELECT * FROM billing_usagerecord AS used
                     WHERE used.order_id = %s AND used.record_id = named.record_id
                     LIMIT 1
                   ) AS found
            """,
            [list(names - {None}), meter.order_id],
        )
        return {row[1]: _Known(*row) for row in cursor.fetchall()}


class _Tally:
    """A locked meter while a report is gone through: what is accepted so far, and the rows that will say so."""

    def __init__(self, meter: Meter, known: dict[str, _Known]) -> None:
        self.meter = meter
        self.rule = meter.order.offer.price_rule()
        self.known = known
        self.now = clock.now()
        self.accepted: list[_Row] = []
        self.also: list[Model] = []
        self.refusal: PrepaymentUsedUp | None = None

    def judge(self, entry: Entry | BusinessError) -> Outcome:
        """Accept or refuse one record."""
        if not isinstance(entry, Entry):
            return Outcome(None, "refused", problem=entry)
        known = self.known.get(entry.record_id)
        if known is not None:
            differing = _differing(entry, known, self.known.get(entry.reverses))
            if not differing:
                return Outcome(entry.record_id, "duplicate")
            return Outcome(entry.record_id, "refused", problem=RecordDiffers(_DIFFERS, errors=differing))
        try:
            accepted = self._accept(entry)
        except BusinessError as refusal:
            return Outcome(entry.record_id, "refused", problem=refusal)
        return Outcome(entry.record_id, "recorded", drawn=accepted.drawn)

    def _accept(self, entry: Entry) -> _Row:
        meter = self.meter
        if meter.state == MeterState.ENDED:
            raise MeterEnded(_("The last statement has been made. Settle what is missing with the buyer."))
        original = None
        if entry.reverses is None:
            self._require_within_contract(entry.used_at)
            units, used_at = entry.units, entry.used_at
            is_trial = used_at < meter.free_until
        else:
            original = self._reversible(entry)
            units, used_at, is_trial = -(entry.units or original.units), original.used_at, original.is_trial
        drawn = 0 if is_trial else self._draw(units)
        accepted = _Row(
            id=uuid7(),
            order_id=meter.order_id,
            buyer_org_id=meter.buyer_org_id,
            vendor_org_id=meter.vendor_org_id,
            record_id=entry.record_id,
            units=units,
            used_at=used_at,
            month=meter.month,
            is_trial=is_trial,
            drawn=drawn,
            reverses_id=original.key if original is not None else None,
            recorded_at=self.now,
        )
        meter.records += 1
        self.accepted.append(accepted)
        self.known[entry.record_id] = _Known(
            accepted.id, entry.record_id, units, used_at, is_trial, entry.reverses, False
        )
        if original is not None:
            self.known[entry.reverses] = original._replace(is_reversed=True)
        return accepted

    def _require_within_contract(self, used_at: datetime.datetime) -> None:
        meter = self.meter
        if used_at > self.now + CLOCKS_DIFFER:
            raise OutsideContract(errors={"/used_at": _("This lies in the future.")})
        if used_at < meter.starts_at:
            raise OutsideContract(errors={"/used_at": _("The buyer could not use it yet.")})
        if used_at >= meter.ends_at:
            raise OutsideContract(errors={"/used_at": _("The contract was over by then.")})

    def _reversible(self, entry: Entry) -> _Known:
        original = self.known.get(entry.reverses)
        if original is None:
            raise NotReversible(errors={"/reverses": _("No record of this order has that id.")})
        if original.reverses is not None:
            raise NotReversible(errors={"/reverses": _("That record takes another back. Report the use anew instead.")})
        if original.is_reversed:
            raise NotReversible(errors={"/reverses": _("That record has been taken back.")})
        if entry.units is not None and entry.units > original.units:
            raise NotReversible(errors={"/units": _("That record has %(units)d units.") % {"units": original.units}})
        return original

    def _draw(self, units: int) -> int:
        """Count ``units`` (below zero: taken back) and return the fen that they add to the month's cost."""
        meter = self.meter
        if abs(meter.units + units) > MAX_MONTH:
            raise InvalidInput(errors={"/units": _("A month cannot have that many units.")})
        total = month_charge(self.rule, meter.units + units).total
        more = total - meter.drawn
        if more > 0 and (meter.state == MeterState.STOPPED or total > meter.available):
            self._pay_or_stop(total)
        meter.units += units
        meter.drawn = total
        if more < 0 and units < 0 and meter.state == MeterState.STOPPED:
            meters.change_state(meter, MeterState.RUNNING, stopped_at=None)
            self.refusal = None
        return more

    def _pay_or_stop(self, total: int) -> None:
        """Top up until the open month's cost of ``total`` fen is covered, or stop: then nothing that costs is accepted
        until the buyer tops up, even if it is small. Raises ``PrepaymentUsedUp``."""
        meter = self.meter
        if self.refusal is not None:
            raise self.refusal
        tops_up = self.rule.at_prepaid_end == PrepaidEnd.TOP_UP
        if tops_up and total <= meter.available:
            # What stopped it was too much for the wallet; this needs nothing of it.
            meters.change_state(meter, MeterState.RUNNING, stopped_at=None)
            return
        amount = meter.order.amount
        times = max(1, -((meter.available - total) // amount))
        may_pay = tops_up and meter.prepaid + times * amount <= MAX_AMOUNT
        buyer = meters.can_pay(meter, times) if may_pay else None
        if buyer is not None:
            # At once, so that a second top-up in the same report sees what the wallet still holds.
            insert_together(*meters.pay_ahead(SYSTEM, meter, buyer, times))
            return
        if meter.state == MeterState.RUNNING:
            meters.change_state(meter, MeterState.STOPPED, stopped_at=self.now)
            self.also.append(
                evidence("meter.stopped", SYSTEM, meter.order, left=meter.left, needed=total - meter.drawn)
            )
        advice = _WALLET_SHORT if tops_up else _TOP_UP
        self.refusal = PrepaymentUsedUp(advice % {"yuan": to_text(amount)}, needed=total - meter.drawn, left=meter.left)
        raise self.refusal


_DIFFERS = _("Report a new use under an id of its own; correct a mistake by a record that reverses it.")
_WALLET_SHORT = _(
    "The buyer's wallet holds too little for the next %(yuan)s yuan. Stop the service; when the buyer has deposited, "
    "send the record again."
)
_TOP_UP = _(
    "Stop the service; when the buyer has topped up (%(yuan)s yuan, POST …/meter/top-up), send the record again."
)


def _differing(entry: Entry, known: _Known, original: _Known | None) -> dict[str, Any]:
    """What an entry says differently from the record of the same id, by JSON pointer.

    ``original`` is the record that the entry takes back: all of it when the entry says no units.
    """
    was = _("It was %(value)s before.")
    found: dict[str, Any] = {}
    units = entry.units
    if units is None:
        units = original.units if original is not None else abs(known.units)
    if units != abs(known.units):
        found["/units"] = was % {"value": abs(known.units)}
    if entry.reverses is None and known.reverses is None and entry.used_at != known.used_at:
        found["/used_at"] = was % {"value": known.used_at.isoformat().replace("+00:00", "Z")}
    if entry.reverses != known.reverses:
        found["/reverses"] = was % {"value": known.reverses or "null"}
    return found


def _write(actor: Actor, tally: _Tally) -> None:
    """Everything that a report changes; nothing when it only repeated what was there."""
    meter = tally.meter
    if not tally.accepted:
        if tally.also:
            meters.save(meter, *REPORTED)
            insert_together(*tally.also)
        return
    meter.last_record_at = tally.now
    warning = meters.warn_if_low(meter, tally.now)
    meters.save(meter, *REPORTED)
    copy_values(UsageRecord, _Row._fields, tally.accepted)
    _add_to_days(meter, tally.accepted)
    insert_together(*tally.also, _proof(actor, meter, tally.accepted), warning)


def _add_to_days(meter: Meter, accepted: Sequence[_Row]) -> None:
    days: dict[datetime.date, list[int]] = {}
    for used in accepted:
        sums = days.setdefault(clock.business_date(used.used_at), [0, 0, 0])
        sums[0] += used.units
        sums[1] += 1
        sums[2] += used.drawn
    units, records, drawn = zip(*days.values(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO billing_usageday AS kept (id, meter_id, day, units, records, drawn)
            SELECT id, %s, day, units, records, drawn
              FROM unnest(%s::uuid[], %s::date[], %s::bigint[], %s::integer[], %s::bigint[])
                AS added (id, day, units, records, drawn)
                ON CONFLICT (meter_id, day) DO UPDATE
               SET units = kept.units + EXCLUDED.units,
                   records = kept.records + EXCLUDED.records,
                   drawn = kept.drawn + EXCLUDED.drawn
            """,
            [meter.id, [uuid7() for _day in days], list(days), list(units), list(records), list(drawn)],
        )


def _proof(actor: Actor, meter: Meter, accepted: Sequence[_Row]) -> AuditEvent:
    """One event a report; ``sha256`` is over a line for each record: id, units, time, tab-separated."""
    digest = hashlib.sha256()
    for used in accepted:
        digest.update(f"{used.record_id}\t{used.units}\t{used.used_at.isoformat()}\n".encode())
    return event(
        "usage.recorded",
        actor=actor,
        subject=("meter", meter.id),
        on_behalf_of=meter.vendor_org_id,
        buyer_org_id=meter.buyer_org_id,
        vendor_org_id=meter.vendor_org_id,
        payload={
            "order": str(meter.order_id),
            "month": meter.month.isoformat(),
            "records": len(accepted),
            "units": sum(used.units for used in accepted),
            "drawn": sum(used.drawn for used in accepted),
            "currency": meter.currency,
            "first": str(accepted[0].id),
            "last": str(accepted[-1].id),
            "sha256": digest.hexdigest(),
        },
    )
