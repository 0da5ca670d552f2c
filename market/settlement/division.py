"""How an order's money is divided: pure arithmetic, no I/O. Why so: docs/decisions/0010-vat-is-inside-the-price.md."""

import dataclasses

from market.kernel.money import BPS, split


@dataclasses.dataclass(frozen=True, slots=True)
class Division:
    """The parts of one order's amount, in fen; they add up to it exactly."""

    net: int
    commission: int
    vat: int


def divide(gross: int, *, commission_bps: int, vat_bps: int) -> Division:
    """Divide ``gross`` fen: commission is ``commission_bps`` of it, VAT the tax that a price including it contains.

    A price that includes VAT of rate r contains gross * r / (1 + r) of it (财税〔2016〕36号, annex 1, articles 23
    and 35). No part is off its exact share by a whole fen; the net part comes first where remainders are equal.

    Raises ``ValueError`` for a negative amount or rate, or rates that leave the vendor less than nothing.
    """
    whole = BPS * (BPS + vat_bps)
    commission = commission_bps * (BPS + vat_bps)
    vat = vat_bps * BPS
    net, commission, vat = split(gross, [whole - commission - vat, commission, vat])
    return Division(net=net, commission=commission, vat=vat)
