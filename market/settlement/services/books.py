"""Does every fen add up? Everything that is kept is derived again from what it was made of, by PostgreSQL."""

import dataclasses
import datetime

from django.db import connection

from market.kernel import clock
from market.kernel.database import one_moment
from market.settlement.checks import CHECKS, PARAMETERS, Check

MAX_SHOWN = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Drift:
    """One fact about one object that is not what the rest of the books say it must be; fen or a count."""

    kind: str
    key: str
    label: str
    fact: str
    expected: int
    found: int


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What one check looked at and found. ``drift`` holds the first ones, ``drifted`` counts all."""

    check: Check
    looked_at: int
    drifted: int
    drift: tuple[Drift, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Reconciliation:
    """Every finding of one look at the books."""

    at: datetime.datetime
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing drifted, not by a fen."""
        return not any(finding.drifted for finding in self.findings)


def reconcile(*, show: int = MAX_SHOWN) -> Reconciliation:
    """Derive everything again and compare; at most ``show`` drifts of each check are carried, all are counted.

    All checks see the books as they were at one moment (a read-only, repeatable-read transaction), so that trade may
    go on meanwhile; inside a caller's transaction they see what that sees. Memory does not grow with the books.
    """
    with one_moment():
        return Reconciliation(at=clock.now(), findings=tuple(_look(check, show) for check in CHECKS))


def _look(check: Check, show: int) -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(check.looked_at)
        looked_at = cursor.fetchone()[0]
        # Constants of checks.py and a whole number.
        query = f"SELECT drift.*, count(*) OVER () FROM ({check.drift}) AS drift LIMIT {show:d}"  # noqa: S608
        cursor.execute(query, PARAMETERS)
        rows = cursor.fetchall()
    return Finding(
        check=check,
        looked_at=looked_at,
        drifted=rows[0][-1] if rows else 0,
        # A sum of bigints is a numeric to PostgreSQL.
        drift=tuple(Drift(*row[:4], expected=int(row[4]), found=int(row[5])) for row in rows),
    )
