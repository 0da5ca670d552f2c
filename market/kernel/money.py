"""Money in minor units: integers only, and splits that lose nothing."""

import re
from collections.abc import Sequence

BPS = 10_000
"""Basis points in one whole: 600 bps is 6 %."""

CURRENCY = "CNY"
"""The only currency traded today; every row of money names its own all the same."""

MAX_AMOUNT = 10**15
"""Largest amount of one act in fen (ten trillion yuan): far inside PostgreSQL's bigint even when summed."""


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide ``amount`` fen in proportion to ``weights`` so that the parts add up to it exactly.

    Largest-remainder method (Hamilton): every part is its floor, and the fen left over go one by one to the
    largest remainders, the earlier part first among equals.

    Raises ``ValueError`` for a negative amount or weight, or when no weight is positive.
    """
    total = sum(weights)
    if amount < 0 or total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("split needs amount >= 0 and weights >= 0 with a positive sum")
    parts = [amount * weight // total for weight in weights]
    remainders = [amount * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts


def share(amount: int, bps: int) -> int:
    """``bps`` basis points of ``amount`` fen, rounded half up to a whole fen (amount and bps >= 0)."""
    return (amount * bps + BPS // 2) // BPS


def to_text(amount: int) -> str:
    """``12345`` fen as ``"123.45"`` yuan: exact, no float, no grouping; for people and exports."""
    sign = "-" if amount < 0 else ""
    yuan, fen = divmod(abs(amount), 100)
    return f"{sign}{yuan}.{fen:02d}"


_YUAN = re.compile(r"(\d{1,14})(?:\.(\d{1,2}))?", re.ASCII)


def from_text(text: str) -> int:
    """``"123.45"``, ``"123.4"`` or ``"123"`` yuan as fen: the exact inverse of ``to_text`` for amounts >= 0.

    Raises ``ValueError`` for anything else, such as a third decimal, a sign, grouping or an exponent.
    """
    match = _YUAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an amount in yuan such as 1280 or 1280.50")
    yuan, fen = match.groups()
    return int(yuan) * 100 + int((fen or "").ljust(2, "0"))
