"""A charge's money, out of escrow, becomes the vendor's, the exchange's and the tax office's."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

from django.db import connection, transaction
from django.utils.translation import gettext as _

from market.audit.services import events_of_set
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.documents import statement
from market.ledger.services import posting
from market.orders import services as orders
from market.settlement.errors import NoFeeSchedule, NotCapturable

STATEMENT = statement(Path(__file__).with_name("capture.sql"))
CHUNK = 1_000
"""Charges a transaction: few enough to let others at the same accounts soon, many enough to make a trip worth it."""


def capture_many(*, charge_ids: Sequence[uuid.UUID]) -> int:
    """Divide charges of accepted orders into the vendor's net, commission and VAT; returns how many were divided.

    A charge that has been captured before is left as it is: calling again does no harm, and where two race the database
    refuses the second capture. A charge of nothing has nothing to divide; when it is the order's final one, the order
    is settled at once. Each chunk of ``CHUNK`` charges is one statement, and a transaction unless the caller has opened
    one; nothing of it ever leaves the database.

    Raises ``NotCapturable`` naming the charges that are unknown, of an order that is not accepted, lack an account, or
    would end a trade of which other charges are open; ``NoFeeSchedule``; nothing of the chunk has happened then.
    """
    return sum(_capture(charge_ids[start : start + CHUNK]) for start in range(0, len(charge_ids), CHUNK))


def _capture(charge_ids: Sequence[uuid.UUID]) -> int:
    proof, parameters = events_of_set("order.captured", actor=SYSTEM, subject_type="order", source="fact")
    at = clock.now()
    parameters |= {"charges": list(charge_ids), "at": at, "month": clock.business_date(at).replace(day=1)}
    # No savepoint inside a caller's transaction: what the database refuses fails the caller, and saves it two trips.
    with posting(), transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(STATEMENT.replace("{proof}", proof), parameters)
            divided, free, problems = cursor.fetchone()
        problems = json.loads(problems)
        if free and not problems:
            orders.mark_settled(order_ids=free)
    # After the block: a refusal has changed nothing, and leaves a caller's transaction in order.
    _require_none(problems)
    return divided


def _require_none(problems: Sequence[tuple[str, str, str, str]]) -> None:
    """Raise ``NotCapturable`` or ``NoFeeSchedule`` for what the statement found wrong."""
    if not problems:
        return
    if all(what == "no_schedule" for _charge, what, _state, _currency in problems):
        raise NoFeeSchedule(_("Create one with manage.py fee_schedule, or in the operators' workspace."))
    texts = {
        "unknown": _("unknown"),
        "not_accepted": _("its order is %(state)s, not accepted"),
        "must_wait": _("the order's other charges are not captured yet"),
        "no_account": _("the buyer or the vendor has no account in %(currency)s yet"),
        "no_schedule": _("no fee schedule is in force"),
    }
    reasons = {
        charge: texts[what] % {"state": state, "currency": currency} for charge, what, state, currency in problems
    }
    text = "; ".join(f"{charge}: {reason}" for charge, reason in sorted(reasons.items())[:5])
    raise NotCapturable(text, charges=reasons)
