"""What workers have not captured yet, captured in bulk: after a standstill, before a settlement run."""

import uuid
from collections.abc import Callable

from django.db import IntegrityError

from market.ledger.errors import AlreadyPosted
from market.orders.models import Charge
from market.orders.states import OrderState
from market.settlement.services.capture import CHUNK, capture_many


def capture_due(*, progress: Callable[[int], object] = lambda captured: None) -> int:
    """Capture every charge of more than nothing of an accepted order that is not captured yet; returns how many.

    Vendor by vendor, because each transaction then moves few accounts, ``CHUNK`` charges a transaction; ``progress``
    is told after each how many there were so far. The keys stay in the database until their turn comes, so memory does
    not grow. Whoever is stopped half-way begins again and finds what is left; the jobs of the charges find them done.

    Raises ``NotCapturable``, ``NoFeeSchedule``; what was captured before stays captured.
    """
    due = Charge.objects.filter(order__state=OrderState.ACCEPTED, amount__gt=0, capture=None)
    captured = 0
    chunk: list[uuid.UUID] = []
    for charge_id in due.order_by("vendor_org_id", "id").values_list("id", flat=True).iterator(chunk_size=CHUNK):
        chunk.append(charge_id)
        if len(chunk) == CHUNK:
            captured += _capture(chunk)
            progress(captured)
            chunk = []
    captured += _capture(chunk)
    progress(captured)
    return captured


def _capture(charge_ids: list[uuid.UUID]) -> int:
    try:
        return capture_many(charge_ids=charge_ids)
    except (AlreadyPosted, IntegrityError):
        # A worker took one of them in between; it has committed, and what it has captured is left alone now.
        return capture_many(charge_ids=charge_ids)
