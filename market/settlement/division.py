"""How an order's money is divided: pure arithmetic, no I/O. Why so: docs/decisions/0010-vat-is-inside-the-price.md for
the parts, docs/fees.md for the tiers of the commission."""

import dataclasses
from collections.abc import Sequence

from market.kernel.money import BPS, split


@dataclasses.dataclass(frozen=True, slots=True)
class Division:
    """The parts of one order's amount, in fen; they add up to it exactly."""

    net: int
    commission: int
    vat: int


def commission_points(commission_bps: int, tiers: Sequence[tuple[int, int]], *, before: int, gross: int) -> int:
    """The exact commission of ``gross`` fen in 1/10,000 fen, when ``before`` fen were captured earlier in the month.

    ``tiers`` are (from fen a month on, bps), rising. Each fen is charged at the rate of the tier it lies in.
    """
    begins = [0, *(volume for volume, _bps in tiers)]
    ends = [*begins[1:], before + gross]
    rates = [commission_bps, *(bps for _volume, bps in tiers)]
    return sum(
        rate * max(0, min(end, before + gross) - max(begin, before))
        for begin, end, rate in zip(begins, ends, rates, strict=True)
    )


def divide(gross: int, *, points: int, vat_bps: int) -> Division:
    """Divide ``gross`` fen: commission is ``points`` / 10,000 fen, VAT the tax that a price including it contains.

    A price that includes VAT of rate r contains gross * r / (1 + r) of it (财税〔2016〕36号, annex 1, articles 23
    and 35). No part is off its exact share by a whole fen; the net part comes first where remainders are equal.

    Raises ``ValueError`` for a negative amount or rate, or rates that leave the vendor less than nothing.
    """
    if gross == 0:
        return Division(net=0, commission=0, vat=0)
    whole = gross * BPS * (BPS + vat_bps)
    commission = points * (BPS + vat_bps)
    vat = gross * vat_bps * BPS
    net, commission, vat = split(gross, [whole - commission - vat, commission, vat])
    return Division(net=net, commission=commission, vat=vat)
