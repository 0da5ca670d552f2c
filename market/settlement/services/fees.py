"""What the exchange's own service costs."""

import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from accounts.states import Capacity, Role
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import InvalidInput
from market.kernel.money import BPS
from market.settlement.locks import alone
from market.settlement.models import FeeSchedule

VAT_GENERAL_BPS = 600
VAT_SMALL_SCALE_BPS = 100
FIRST_YEAR, LAST_YEAR = 1970, 9998


def create_fee_schedule(
    *,
    actor: Actor,
    commission_bps: int,
    vat_general_bps: int = VAT_GENERAL_BPS,
    vat_small_scale_bps: int = VAT_SMALL_SCALE_BPS,
    effective_from: datetime.datetime | None = None,
) -> FeeSchedule:
    """Announce the next version of the fees, in basis points, in force from ``effective_from`` (now by default).

    A schedule never reaches back: only the very first may begin in the past, when nothing has been captured yet.
    To replace one that has not begun, create another with the same beginning: the higher version wins.

    Raises ``InvalidInput`` for rates that would leave the vendor less than nothing, or a beginning in the past.
    """
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    _require_possible(commission_bps, vat_general_bps, vat_small_scale_bps)
    if effective_from is not None and not FIRST_YEAR <= effective_from.year <= LAST_YEAR:
        raise InvalidInput(errors={"/effective_from": _("Use a year from 1970 to 9998.")})
    with transaction.atomic():
        alone("fee schedules")
        now = clock.now()
        latest = FeeSchedule.objects.aggregate(version=Max("version"))["version"]
        if latest is not None and effective_from is not None and effective_from < now:
            raise InvalidInput(errors={"/effective_from": _("A schedule cannot begin in the past.")})
        schedule = FeeSchedule(
            version=(latest or 0) + 1,
            commission_bps=commission_bps,
            vat_general_bps=vat_general_bps,
            vat_small_scale_bps=vat_small_scale_bps,
            effective_from=effective_from or now,
        )
        proof = event(
            "fee_schedule.created",
            actor=actor,
            subject=("fee_schedule", schedule.id),
            payload={
                "version": schedule.version,
                "commission_bps": commission_bps,
                "vat_general_bps": vat_general_bps,
                "vat_small_scale_bps": vat_small_scale_bps,
                "effective_from": schedule.effective_from.isoformat(),
            },
        )
        insert_together(schedule, proof)
    return schedule


def _require_possible(commission_bps: int, vat_general_bps: int, vat_small_scale_bps: int) -> None:
    rates = {
        "/commission_bps": commission_bps,
        "/vat_general_bps": vat_general_bps,
        "/vat_small_scale_bps": vat_small_scale_bps,
    }
    errors = {pointer: _("0 to 10000 basis points.") for pointer, rate in rates.items() if not 0 <= rate <= BPS}
    if not errors and commission_bps + max(vat_general_bps, vat_small_scale_bps) > BPS:
        errors["/commission_bps"] = _("Commission and VAT together leave the vendor less than nothing.")
    if errors:
        raise InvalidInput(errors=errors)
