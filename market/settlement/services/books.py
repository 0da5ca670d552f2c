"""Does every fen add up? Everything that is kept is derived again from what it was made of, by PostgreSQL."""

import dataclasses
import datetime
import functools

from django.db import connection

from market.kernel import clock
from market.kernel.database import one_moment, side_by_side
from market.settlement.checks import CHECKS, PARAMETERS, Check

MAX_SHOWN = 20
CONNECTIONS = 2
LONGEST = ("orders", "captures", "parties", "lines", "evidence", "routes")


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


def reconcile(*, show: int = MAX_SHOWN, is_shared: bool = False) -> Reconciliation:
    """Derive everything again and compare; at most ``show`` drifts of each check are carried, all are counted.

    All checks see the books as they were at one moment (a read-only, repeatable-read transaction), so that trade may
    go on meanwhile; ``CONNECTIONS`` share the checks. Inside a caller's transaction they see what that sees, on its
    connection alone, unless ``is_shared``: it is of ``one_moment`` and has written nothing that is looked at here.
    Memory does not grow with the books.
    """
    found: dict[str, Finding] = {}

    def look(check: Check) -> None:
        found[check.name] = _look(check, show)

    with one_moment() as is_ours:
        at = clock.now()
        works = [functools.partial(look, check) for check in sorted(CHECKS, key=_turn)]
        if is_ours or is_shared:
            side_by_side(works, connections=CONNECTIONS)
        else:
            for work in works:
                work()
    return Reconciliation(at=at, findings=tuple(found[check.name] for check in CHECKS))


def _turn(check: Check) -> int:
    """Those that take longest begin, so that none of the connections waits long for the others in the end."""
    return LONGEST.index(check.name) if check.name in LONGEST else len(LONGEST)


def _look(check: Check, show: int) -> Finding:
    with connection.cursor() as cursor:
        # Of such queries PostgreSQL compiles what costs more to compile than it saves.
        cursor.execute("SET LOCAL jit = off")
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
