"""What must add up, and the SQL beside this file that derives it again from the rows. Read-only; used by ``reconcile``.

Each ``.sql`` file yields nothing but drift, as rows of (check, kind of object, key, readable name, fact, expected,
found); amounts are fen. One file serves several checks where they need the same rows (``accounts``), and a check that
has to look at several things has several files (``routes``, ``evidence``). Those in this folder are asked once about
all books. Those in ``of_orders`` are exact and dear: they are asked about those ``orders`` (keys) for which
``glance`` could not see at once that none of them would find anything. ``looked_at`` counts what each check looks at.
"""

import dataclasses
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from market.kernel.documents import statement
from market.ledger.states import CORRECTABLE
from market.orders.states import HOLDS_ESCROW

FOLDER = Path(__file__).parent


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    name: str
    claim: str | Promise


CHECKS = (
    Check("zero_sum", _("All accounts of a currency add up to nothing")),
    Check("balances", _("A guarded balance is the sum of its transfers, and not below zero")),
    Check("snapshots", _("A balance kept at the end of a day is the sum of the transfers before")),
    Check("routes", _("Money takes the way its kind allows")),
    Check("escrow", _("A buyer's escrow is the money of its open orders")),
    Check("orders", _("Of each order, escrowed is released, captured or held; each charge is captured once")),
    Check("parties", _("An order's money moves between its own parties")),
    Check("use", _("What metered use has drawn is what its records, statements and prepayments say")),
    Check("captures", _("A capture is what its charge, fee schedule and transfers say")),
    Check("volumes", _("A vendor's month is the sum of its captures, each counted from where the one before ended")),
    Check("batches", _("A batch is the sum of its lines")),
    Check("lines", _("A settled order stands in one batch, of its vendor and before its cutoff")),
    Check("payouts", _("A batch is paid once, and its payouts are what their transfers say")),
    Check("payable", _("A vendor's payable is what it earned, kept and was not paid")),
    Check("refunds", _("A refund after capture is what its transfers and evidence say, within what was captured")),
    Check("receivables", _("A vendor owes what was advanced for it and not repaid")),
    Check("corrections", _("A correction that two persons agreed on is posted once, and no other")),
    Check("online", _("An online payment that was deposited has one deposit, of its buyer and amount")),
    Check("evidence", _("Deposits, prices and captures are what the audit events say")),
)

PARAMETERS = {
    "holds_escrow": [state.value for state in HOLDS_ESCROW],
    "correctable": [kind.value for kind in CORRECTABLE],
}


def _readings(folder: str, *names: str) -> dict[str, str]:
    """The SQL of such files, by name."""
    return {name: statement(FOLDER / folder / f"{name}.sql") for name in names}


ROUTES = statement(FOLDER / "routes.sql")
LOOKED_AT = statement(FOLDER / "looked_at.sql")
GLANCE = statement(FOLDER / "of_orders" / "glance.sql")
# Those that take longest begin, so that no connection waits long for another in the end.
WHOLE = {
    **_readings("", "accounts", "batches", "volumes", "payable", "escrow", "payouts", "use", "refunds", "receivables"),
    **_readings("", "corrections", "online", "deposits"),
    "routes": ROUTES.replace("{which}", "posted.subject_type <> 'order'"),
}
OF_ORDERS = {
    **_readings("of_orders", "orders", "parties", "captures", "lines", "evidence"),
    "routes": ROUTES.replace("{which}", "posted.subject_type = 'order' AND posted.subject_id = ANY(%(orders)s)"),
}
