"""Acts of several threads in one statement: what a statement and its commit cost, they pay together.

As PostgreSQL gathers commits: nobody waits for company. Whoever comes while a statement of the process is under way
waits for that one, and then all who wait go as one.
"""

import collections
import dataclasses
import functools
import threading
from collections.abc import Sequence

from django.db import Error, models
from psycopg import errors

from market.kernel.conditions import Condition
from market.kernel.database import insert_together

MOST = 16
"""Acts in one statement."""

PATIENCE = "50ms"
"""An act whose account somebody else has locked keeps the others for so long at most: then it goes alone."""


@dataclasses.dataclass(slots=True)
class _Act:
    rows: Sequence[models.Model]
    given: Condition
    is_done: bool | None = None
    leads: bool = False
    turn: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def conclude(self) -> bool:
        """Whether it was done with the others; if that is open, do it now, alone."""
        return insert_together(self.rows, given=self.given) if self.is_done is None else self.is_done


class Gathering:
    """Where the threads of a process meet."""

    def __init__(self) -> None:
        self._meeting = threading.Lock()
        self._waiting: collections.deque[_Act] = collections.deque()
        self._is_led = False

    def __len__(self) -> int:
        """Acts that wait for the statement under way."""
        return len(self._waiting)

    def insert(self, rows: Sequence[models.Model], given: Condition) -> bool:
        """``insert_together`` in a statement that may be others' too; answers and raises as that does.

        Acts go together when the conditions of all hold and none is refused; else each goes alone, and hears what there
        is to say to it. So does each when it is not known how a statement ended: rows need keys that make them
        once-only. Never in a transaction.
        """
        act = _Act(rows, given)
        act.turn.acquire()
        if not self._leads(act):
            act.turn.acquire()  # released by whoever takes it along, or lets it lead
            if not act.leads:
                return act.conclude()
        company = self._company_of(act)
        try:
            _go_together([act, *company])
        finally:
            self._hand_over()
            for each in company:
                each.turn.release()
        return act.conclude()

    def _leads(self, act: _Act) -> bool:
        with self._meeting:
            leads, self._is_led = not self._is_led, True
            if not leads:
                self._waiting.append(act)
        return leads

    def _company_of(self, act: _Act) -> list[_Act]:
        """Those who wait and ask the same question."""
        with self._meeting:
            like = [each for each in self._waiting if each.given.sql == act.given.sql][: MOST - 1]
            for each in like:
                self._waiting.remove(each)
        return like

    def _hand_over(self) -> None:
        with self._meeting:
            follower = self._waiting.popleft() if self._waiting else None
            self._is_led = follower is not None
        if follower is not None:
            follower.leads = True
            follower.turn.release()


def _go_together(acts: Sequence[_Act]) -> None:
    """Leaves ``is_done`` open where each has to go alone. Raises what one who has no company is refused with."""
    first = acts[0].given
    asks = [ask for act in acts for ask in act.given.asks]
    try:
        done = insert_together(
            *(act.rows for act in acts), given=Condition(_patiently(first.sql, PATIENCE), first.columns, asks)
        )
    except Error as error:
        if len(acts) == 1 and not isinstance(error.__cause__, errors.LockNotAvailable):
            raise
        return
    if done or len(acts) == 1:
        for act in acts:
            act.is_done = done


@functools.cache
def _patiently(sql: str, patience: str) -> str:
    return f"set_config('lock_timeout', '{patience}', true) IS NOT NULL AND ({sql})"
