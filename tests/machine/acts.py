"""What somebody does, and what may be answered."""

import dataclasses
import datetime
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
DAY = datetime.timedelta(days=1)
DONE = frozenset({"done"})
ILLEGAL = frozenset({"IllegalTransition"})


@dataclasses.dataclass(frozen=True)
class Act:
    """One thing somebody does: its name and its arguments."""

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value}' for name, value in self.arguments)})"


def act(name: str, **arguments: Any) -> Act:
    """``act("place", amount=700)``"""
    return Act(name, tuple(arguments.items()))


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the settings and the fees say: periods in days, amounts in fen, rates in basis points."""

    approval: int
    funds: int
    failed_refund: int
    acceptance: int
    answer: int
    decision: int
    least_payout: int
    approval_above: int
    commission: int
    vat: int


SLIPS = (300, 700, 5_000, 20_000, 1)
"""Payments of the buyer that the bank may tell of, in fen; the last without a word of whose it is."""
