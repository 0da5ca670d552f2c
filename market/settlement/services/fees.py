"""What the exchange's own service costs: drafted, and announced for good."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.states import Sector
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import InvalidInput, NotFound
from market.kernel.money import BPS
from market.settlement.errors import AlreadyAnnounced
from market.settlement.locks import alone
from market.settlement.models import FeeOverride, FeeSchedule

VAT_GENERAL_BPS = 600
VAT_SMALL_SCALE_BPS = 100
FIRST_YEAR, LAST_YEAR = 1970, 9998
MAX_TIERS = 20
MAX_SPECIAL_RATES = 2_000
MAX_VOLUME = 10**18
"""Fen; a tier beyond it is a slip of the pen."""

Tiers = Sequence[tuple[int, int]]
"""(from fen a month on, commission in bps), rising."""


@dataclasses.dataclass(frozen=True, slots=True)
class SpecialRate:
    """Another commission for one vendor (by key) or one sector of GB/T 4754 (by letter): exactly one of the two."""

    commission_bps: int
    tiers: Tiers = ()
    vendor_id: uuid.UUID | None = None
    sector: str = ""


def create_fee_schedule(*, actor: Actor, effective_from: datetime.datetime | None = None, **fees: Any) -> FeeSchedule:
    """Draft and announce at once: ``save_fee_draft`` and ``announce_fee_schedule`` in one transaction."""
    with transaction.atomic():
        draft = save_fee_draft(actor=actor, **fees)
        return announce_fee_schedule(actor=actor, schedule_id=draft.id, effective_from=effective_from)


def save_fee_draft(
    *,
    actor: Actor,
    commission_bps: int,
    tiers: Tiers = (),
    vat_general_bps: int = VAT_GENERAL_BPS,
    vat_small_scale_bps: int = VAT_SMALL_SCALE_BPS,
    special_rates: Sequence[SpecialRate] = (),
    schedule_id: uuid.UUID | None = None,
) -> FeeSchedule:
    """Write a draft, or write the draft ``schedule_id`` anew. Rates are in basis points; a draft applies to nobody.

    Raises ``InvalidInput`` for rates that would leave a vendor less than nothing, tiers that do not rise, or a special
    rate for nobody, somebody unknown or twice for one; ``AlreadyAnnounced``, ``NotFound``, ``Forbidden``.
    """
    _require_operator(actor)
    vat = {"vat_general_bps": vat_general_bps, "vat_small_scale_bps": vat_small_scale_bps}
    _require_possible(commission_bps, tiers, special_rates, vat)
    with transaction.atomic():
        schedule = FeeSchedule(created_at=clock.now()) if schedule_id is None else _draft(schedule_id)
        schedule.commission_bps, schedule.vat_general_bps = commission_bps, vat_general_bps
        schedule.vat_small_scale_bps = vat_small_scale_bps
        schedule.tier_volumes, schedule.tier_bps = [volume for volume, _bps in tiers], [bps for _volume, bps in tiers]
        schedule.save()
        schedule.overrides.all().delete()
        overrides = [
            FeeOverride(
                schedule=schedule,
                vendor_org_id=rate.vendor_id,
                sector=rate.sector,
                commission_bps=rate.commission_bps,
                tier_volumes=[volume for volume, _bps in rate.tiers],
                tier_bps=[bps for _volume, bps in rate.tiers],
            )
            for rate in special_rates
        ]
        insert_together(overrides, _proof("fee_schedule.drafted", actor, schedule, overrides))
    return schedule


def copy_fee_schedule(*, actor: Actor, schedule_id: uuid.UUID) -> FeeSchedule:
    """A new draft with the rates of a schedule. Raises ``NotFound``, ``Forbidden``, ``InvalidInput``."""
    _require_operator(actor)
    model = FeeSchedule.objects.filter(id=schedule_id).first()
    if model is None:
        raise NotFound
    return save_fee_draft(
        actor=actor,
        commission_bps=model.commission_bps,
        tiers=model.tiers,
        vat_general_bps=model.vat_general_bps,
        vat_small_scale_bps=model.vat_small_scale_bps,
        special_rates=[
            SpecialRate(rate.commission_bps, rate.tiers, rate.vendor_org_id, rate.sector)
            for rate in model.overrides.all()
        ],
    )


def discard_fee_draft(*, actor: Actor, schedule_id: uuid.UUID) -> None:
    """Throw a draft away. Raises ``AlreadyAnnounced``, ``NotFound``, ``Forbidden``."""
    _require_operator(actor)
    with transaction.atomic():
        draft = _draft(schedule_id)
        insert_together(_proof("fee_schedule.discarded", actor, draft, []))
        draft.delete()


def announce_fee_schedule(
    *, actor: Actor, schedule_id: uuid.UUID, effective_from: datetime.datetime | None = None
) -> FeeSchedule:
    """Give a draft the next version; it is in force from ``effective_from`` (now by default) and never changes again.

    A schedule never reaches back: only the very first may begin in the past, when nothing has been captured yet.
    To replace one that has not begun, announce another with the same beginning: the higher version wins.

    Raises ``InvalidInput`` for a beginning in the past, ``AlreadyAnnounced``, ``NotFound``, ``Forbidden``.
    """
    _require_operator(actor)
    if effective_from is not None and not FIRST_YEAR <= effective_from.year <= LAST_YEAR:
        raise InvalidInput(errors={"/effective_from": _("Use a year from 1970 to 9998.")})
    with transaction.atomic():
        alone("fee schedules")
        schedule = _draft(schedule_id)
        now = clock.now()
        latest = FeeSchedule.objects.aggregate(version=Max("version"))["version"]
        if latest is not None and effective_from is not None and effective_from < now:
            raise InvalidInput(errors={"/effective_from": _("A schedule cannot begin in the past.")})
        schedule.version, schedule.effective_from = (latest or 0) + 1, effective_from or now
        schedule.save()
        insert_together(_proof("fee_schedule.announced", actor, schedule, schedule.overrides.all()))
    return schedule


def _require_operator(actor: Actor) -> None:
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)


def _draft(schedule_id: uuid.UUID) -> FeeSchedule:
    found = FeeSchedule.objects.select_for_update().filter(id=schedule_id).first()
    if found is None:
        raise NotFound
    if found.effective_from is not None:
        raise AlreadyAnnounced(_("Write another version instead."))
    return found


def _proof(name: str, actor: Actor, schedule: FeeSchedule, overrides: Sequence[FeeOverride]) -> AuditEvent:
    def scale(fees: FeeSchedule | FeeOverride) -> dict[str, Any]:
        return {"commission_bps": fees.commission_bps, "tiers": [list(tier) for tier in fees.tiers]}

    special = [
        {"vendor": str(rate.vendor_org_id)} | scale(rate)
        if rate.vendor_org_id
        else {"sector": rate.sector} | scale(rate)
        for rate in overrides
    ]
    payload = scale(schedule) | {
        "version": schedule.version,
        "vat_general_bps": schedule.vat_general_bps,
        "vat_small_scale_bps": schedule.vat_small_scale_bps,
        "special_rates": special,
        "effective_from": schedule.effective_from and schedule.effective_from.isoformat(),
    }
    return event(name, actor=actor, subject=("fee_schedule", schedule.id), payload=payload)


def _require_possible(
    commission_bps: int, tiers: Tiers, special_rates: Sequence[SpecialRate], vat: dict[str, int]
) -> None:
    errors = {f"/{name}": _("0 to 10000 basis points.") for name, rate in vat.items() if not 0 <= rate <= BPS}
    most = 0 if errors else BPS - max(vat.values())
    if not 0 <= commission_bps <= BPS:
        errors["/commission_bps"] = _("0 to 10000 basis points.")
    elif not errors and commission_bps > most:
        errors["/commission_bps"] = _("Commission and VAT together leave the vendor less than nothing.")
    errors |= {} if errors else _faults(tiers, most, "/tiers")
    for rate in special_rates:
        if not errors:
            errors |= _faults([(0, rate.commission_bps), *rate.tiers], most, "/special_rates", first=0)
    errors |= {} if errors else _strangers(special_rates)
    if errors:
        raise InvalidInput(errors=errors)


def _faults(tiers: Tiers, most: int, pointer: str, *, first: int = 1) -> dict[str, Any]:
    """What is wrong with a scale; ``first`` is the least that its first tier may begin at."""
    if len(tiers) > MAX_TIERS + 1 - first:
        return {pointer: _("At most %(most)d tiers.") % {"most": MAX_TIERS}}
    least = first
    for volume, bps in tiers:
        if not least <= volume <= MAX_VOLUME:
            return {pointer: _("Each tier must begin above the one before it.")}
        if bps < 0 or bps > BPS:
            return {pointer: _("0 to 10000 basis points.")}
        if bps > most:
            return {pointer: _("Commission and VAT together leave the vendor less than nothing.")}
        least = volume + 1
    return {}


def _strangers(special_rates: Sequence[SpecialRate]) -> dict[str, Any]:
    """Special rates for whom there can be none."""
    vendors = [rate.vendor_id for rate in special_rates if rate.vendor_id]
    sectors = [rate.sector for rate in special_rates if rate.sector]
    pointer = "/special_rates"
    if len(special_rates) > MAX_SPECIAL_RATES:
        return {pointer: _("At most %(most)d special rates.") % {"most": MAX_SPECIAL_RATES}}
    if any(bool(rate.vendor_id) == bool(rate.sector) for rate in special_rates) or not set(sectors) <= set(
        Sector.values
    ):
        return {pointer: _("A special rate is for one vendor or for one sector.")}
    if len({*vendors, *sectors}) < len(special_rates):
        return {pointer: _("One vendor or sector has two special rates.")}
    known = Organization.objects.filter(id__in=vendors, capacities__contains=[Capacity.VENDOR]).count()
    if known < len(vendors):
        return {pointer: _("A special rate is for somebody who is no vendor.")}
    return {}
