"""Acts of many requests in one statement: what a statement and its commit cost, they pay together.

As PostgreSQL gathers commits: nobody waits for company. Whoever comes while a statement is under way waits for that
one, and then those who wait go as one. Nothing here waits for the database: whoever has the connection among the things
it waits for calls ``answered`` when there is something to read, and ``go`` when it has nothing else to do.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence

from django.db import models
from psycopg.pq import ExecStatus

from market.kernel.conditions import Condition
from market.kernel.database import insertion
from market.kernel.direct import Line

MOST = 4
"""Acts in one statement: more save the database little, and while it is at work on some, others are prepared."""

PATIENCE = "50ms"
"""An act whose account somebody else has locked keeps the others for so long at most."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Act:
    rows: Sequence[models.Model]
    given: Condition
    told: Callable[[bool], None]


class Gathering:
    """Where acts meet that insert rows under a condition, as ``insert_together`` does.

    They go together when they ask the same question. Each is told whether it was done: it was not when the condition of
    one of them does not hold, or the database refuses one. Then nothing has changed, and each has to go alone, to hear
    what there is to say to it. So has each when it is not known how the statement ended: rows need keys that make them
    once-only.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self.descriptor = line.fileno()
        """What to wait for."""
        self._waiting: collections.deque[_Act] = collections.deque()
        self._under_way: list[_Act] = []

    def put(self, rows: Sequence[models.Model], given: Condition, told: Callable[[bool], None]) -> None:
        """Let an act wait for the next statement; its rows are for nothing else after that. Raises as ``go`` does."""
        self._waiting.append(_Act(rows, given, told))
        if len(self._waiting) >= MOST:
            self.go()

    def go(self) -> None:
        """Send those who wait, unless a statement is under way; those who ask another question stay for the next.

        Raises ``psycopg.Error`` when that fails. There is nothing to do then but ``close``.
        """
        if self._under_way or not self._waiting:
            return
        sql = self._waiting[0].given.sql
        acts = [act for act in self._waiting if act.given.sql == sql][:MOST]
        self._waiting = collections.deque(act for act in self._waiting if act not in acts)
        self._under_way = acts
        asks = [ask for act in acts for ask in act.given.asks]
        rows = [row for act in acts for row in act.rows]
        statement = insertion(rows, Condition(_patiently(sql, PATIENCE), acts[0].given.columns, asks))
        if statement is None:
            self._under_way = []
            _tell(acts, False)
        else:
            self._line.ask(*statement)

    def answered(self) -> None:
        """Read what the database has sent, and tell those whom it concerns. Raises as ``go`` does."""
        result = self._line.answer()
        if result is None:
            return
        acts, self._under_way = self._under_way, []
        try:
            self.go()  # the database goes on while these are told
        finally:
            _tell(acts, result.status == ExecStatus.TUPLES_OK and result.get_value(0, 0) == b"true")

    def close(self) -> None:
        """Give up the connection. Nobody who waits is done, as far as is known."""
        self._line.close()
        acts = [*self._under_way, *self._waiting]
        self._under_way = []
        self._waiting.clear()
        _tell(acts, False)


def _tell(acts: Iterable[_Act], done: bool) -> None:
    for act in acts:
        act.told(done)


@functools.cache
def _patiently(sql: str, patience: str) -> str:
    return f"set_config('lock_timeout', '{patience}', true) IS NOT NULL AND ({sql})"
