"""What must hold for a statement to act, asked in that statement itself."""

import dataclasses
import functools
from typing import Any

import orjson


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """SQL that is true when an act may happen, over a row ``ask`` with these ``columns`` (name and type of each).

    ``asks`` are such rows, as JSON has them: the act's own, or those of several acts that only happen together.
    """

    sql: str
    columns: str
    asks: list[dict[str, Any]]

    def __and__(self, other: "Condition") -> "Condition":
        """Both, of the same acts."""
        both = [{**one, **another} for one, another in zip(self.asks, other.asks, strict=True)]
        return Condition(_both(self.sql, other.sql), _listed(self.columns, other.columns), both)

    @property
    def question(self) -> str:
        """A query with one answer, ``holds``; its only parameter is ``parameter``."""
        return _question(self.sql, self.columns)

    @property
    def parameter(self) -> str:
        """The rows to ask about."""
        return orjson.dumps(self.asks).decode()


# There are few conditions, asked again and again: each text is made once, and is known again without being read.


@functools.cache
def _both(sql: str, other: str) -> str:
    return f"({sql}) AND ({other})"


@functools.cache
def _listed(columns: str, other: str) -> str:
    return f"{columns}, {other}"


@functools.cache
def _question(sql: str, columns: str) -> str:
    return f"SELECT bool_and(({sql}) IS TRUE) AS holds FROM json_to_recordset(%s) AS ask({columns})"  # noqa: S608


def unlocked(lock: int) -> Condition:
    """That no other transaction has the advisory lock of that key; the statement's own transaction has it then."""
    return Condition("pg_try_advisory_xact_lock(ask.lock)", "lock bigint", [{"lock": lock}])
