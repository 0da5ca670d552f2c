"""What must hold for a statement to act, asked in that statement itself."""

import dataclasses
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
        return Condition(f"({self.sql}) AND ({other.sql})", f"{self.columns}, {other.columns}", both)

    @property
    def question(self) -> str:
        """A query with one answer, ``holds``; its only parameter is ``parameter``."""
        return f"SELECT bool_and(({self.sql}) IS TRUE) AS holds FROM json_to_recordset(%s) AS ask({self.columns})"  # noqa: S608

    @property
    def parameter(self) -> str:
        """The rows to ask about."""
        return orjson.dumps(self.asks).decode()


def unlocked(lock: int) -> Condition:
    """That no other transaction has the advisory lock of that key; the statement's own transaction has it then."""
    return Condition("pg_try_advisory_xact_lock(ask.lock)", "lock bigint", [{"lock": lock}])
