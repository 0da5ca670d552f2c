"""Reads of what vendors earn, and what a capture needs to know."""

import datetime

from market.settlement.errors import NoFeeSchedule
from market.settlement.models import FeeSchedule


def schedule_in_force(at: datetime.datetime) -> FeeSchedule:
    """The fee schedule that applies at the moment ``at``. Raises ``NoFeeSchedule``."""
    found = FeeSchedule.objects.filter(effective_from__lte=at).order_by("-effective_from", "-version").first()
    if found is None:
        raise NoFeeSchedule("Create one with manage.py fee_schedule, or in the operators' workspace.")
    return found
