"""Does every fen add up? Everything that is kept is derived again from what it was made of, by PostgreSQL."""

import collections
import dataclasses
import datetime
import functools
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from market.kernel import clock
from market.kernel.database import one_moment, side_by_side
from market.orders.models import Order
from market.settlement.checks import CHECKS, GLANCE, LOOKED_AT, OF_ORDERS, PARAMETERS, WHOLE, Check

MAX_SHOWN = 20
CONNECTIONS = 2
SLICE = 100_000
"""Orders that one glance takes in: all that belongs to them fits into ``MEMORY``, however many there are."""
CHUNK = 1_000
"""Doubtful orders that the exact checks are asked about at once: few enough to find all of theirs by indexes."""
MEMORY = "64MB"
"""What PostgreSQL may take for each sort or hash of a query before it takes the disk."""


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
    go on meanwhile; ``CONNECTIONS`` share the readings. Inside a caller's transaction they see what that sees, on its
    connection alone, unless ``is_shared``: it is of ``one_moment`` and has written nothing that is looked at here.
    Memory does not grow with the books.
    """
    findings = _Findings(show)
    with one_moment() as is_ours:
        at = clock.now()
        works = [functools.partial(_read, reading, findings) for reading in WHOLE.values()]
        works += [functools.partial(_read_orders, first, last, findings) for first, last in _slices()]
        works.append(functools.partial(_count, findings))
        if is_ours or is_shared:
            side_by_side(works, connections=CONNECTIONS)
        else:
            for work in works:
                work()
    return Reconciliation(at=at, findings=findings.by_check())


class _Findings:
    """What the readings find, in whichever order and on whichever connection."""

    def __init__(self, show: int) -> None:
        self.show = show
        self.looked_at: dict[str, int] = {}
        self.drifted: collections.Counter[str] = collections.Counter()
        self.drift: collections.defaultdict[str, list[Drift]] = collections.defaultdict(list)
        self.lock = threading.Lock()

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """What one reading found: the first rows of each check, each with the ``number`` of them all."""
        with self.lock:
            self.drifted.update({row["of_check"]: row["number"] for row in rows})
            for row in rows:
                drift = self.drift[row["of_check"]]
                if len(drift) < self.show:
                    # A sum of bigints is a numeric to PostgreSQL.
                    numbers = {name: int(row[name]) for name in ("expected", "found")}
                    drift.append(Drift(**{name: row[name] for name in ("kind", "key", "label", "fact")}, **numbers))

    def by_check(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(check, self.looked_at[check.name], self.drifted[check.name], tuple(self.drift[check.name]))
            for check in CHECKS
        )


def _slices() -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """All keys there can be, in stretches that hold ``SLICE`` orders each: the first and the last key of each."""
    first = uuid.UUID(int=0)
    keys = Order.objects.order_by("id").values_list("id", flat=True)
    while following := keys.filter(id__gte=first)[SLICE : SLICE + 1]:
        yield first, uuid.UUID(int=following[0].int - 1)
        first = following[0]
    yield first, uuid.UUID(int=2**128 - 1)


def _read_orders(first: uuid.UUID, last: uuid.UUID, findings: _Findings) -> None:
    """Look at the orders between these keys, and closely at those that are not in order at first sight."""
    (seen,) = _ask(GLANCE, first=first, last=last)
    doubtful = seen["doubtful"] or []
    for start in range(0, len(doubtful), CHUNK):
        for reading in OF_ORDERS.values():
            _read(reading, findings, orders=doubtful[start : start + CHUNK])


def _read(reading: str, findings: _Findings, **parameters: Any) -> None:
    """Ask for the drift of one reading, the first of each check and the number of all."""
    # Constants of ours and a whole number.
    query = f"""
        SELECT *
          FROM (
                SELECT found.*, row_number() OVER same AS place, count(*) OVER same AS number
                  FROM ({reading}) AS found (of_check, kind, key, label, fact, expected, found)
                WINDOW same AS (PARTITION BY found.of_check)
               ) AS counted
         WHERE place <= {findings.show:d}
    """  # noqa: S608
    findings.add(_ask(query, **parameters))


def _count(findings: _Findings) -> None:
    (counts,) = _ask(LOOKED_AT)
    findings.looked_at = counts


def _ask(query: str, **parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        # Of such queries PostgreSQL compiles what costs more to compile than it saves, and the processors are busy with
        # the other readings.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        cursor.execute(f"SET LOCAL work_mem = '{MEMORY}'")
        cursor.execute(query, PARAMETERS | parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
