"""What things cost: pure, exact integer arithmetic over a price rule. No I/O, no rounding but the one at the end.

Amounts are fen. Prices of a unit are kept in **ten-thousandths of a fen**, so that a call may cost 0.0003 fen; a charge
is summed in these and rounded half up to a whole fen once, per month and order. Worked examples: ``docs/pricing.md``.
"""

import calendar
import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from market.catalog.states import PriceModel, TierMode
from market.kernel.money import split

SCALE = 10_000
"""Ten-thousandths of a fen in one fen."""

MAX_MONTHS = 36
MAX_UNIT_PRICE = 10**15
"""Largest price of a unit in 1/10,000 fen (a billion yuan): a whole number that every JSON reader holds exactly."""

MAX_UNITS = 10**12
MAX_TIERS = 20
MAX_TRIAL_DAYS = 90
MAX_NOTICE_DAYS = 90


@dataclasses.dataclass(frozen=True, slots=True)
class Tier:
    """One step of a scale: units up to and including ``up_to`` (None: no end) at ``unit_price`` (1/10,000 fen) each.

    ``flat`` (fen) is charged once when the tier is entered.
    """

    up_to: int | None
    unit_price: int
    flat: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class PriceRule:
    """The price of an offer.

    ``amount``: fen for one unit of quantity (one-off), for one month and unit of quantity (subscription), or paid ahead
    for one unit of quantity (metered).
    ``months`` and ``is_instalment``: length of the term, and whether a subscription is paid month by month.
    ``trial_days``: days that cost nothing before the term begins.
    ``renewal_notice_days``: a subscription is renewed for another term unless cancelled, with notice so many days
    before (None: never).
    ``unit``, ``unit_price`` (1/10,000 fen), ``free_units`` and ``monthly_cap`` (fen): metering, all per calendar month.
    ``at_prepaid_end``: whether use tops up the prepayment or stops (``PrepaidEnd``).
    ``tiers`` replace ``amount`` or ``unit_price``: graduated (each unit at its own tier) or by volume (all units at the
    tier the total falls in).
    """

    model: str
    amount: int = 0
    months: int = 0
    is_instalment: bool = False
    trial_days: int = 0
    renewal_notice_days: int | None = None
    unit: str = ""
    unit_price: int = 0
    free_units: int = 0
    monthly_cap: int | None = None
    at_prepaid_end: str = ""
    tier_mode: str = ""
    tiers: tuple[Tier, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of a calculation: ``quantity`` units at ``unit_price`` (1/10,000 fen), plus ``flat`` fen.

    ``reason`` is ``price``, ``prepayment``, ``use``, ``free_units``, ``tier`` or ``volume_tier``, the last two with the
    number of the ``tier`` from 1; ``market.catalog.price_texts`` puts it into words.
    """

    reason: str
    quantity: int
    unit_price: int
    flat: int = 0
    tier: int = 0

    @property
    def amount(self) -> int:
        """The line's amount in ten-thousandths of a fen."""
        return self.quantity * self.unit_price + self.flat * SCALE


@dataclasses.dataclass(frozen=True, slots=True)
class Calculation:
    """How a price comes about: its lines, and the total in fen after rounding and capping."""

    lines: tuple[Line, ...]
    total: int
    is_capped: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Instalment:
    """``amount`` fen due on ``due_on``, the ``number``-th of its order, from 1."""

    number: int
    due_on: datetime.date
    amount: int


def round_to_fen(scaled: int) -> int:
    """Ten-thousandths of a fen (>= 0) to whole fen, half up."""
    return (scaled + SCALE // 2) // SCALE


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Raise ``ValueError`` unless the tiers rise, have prices >= 0, and only the last may be without end."""
    ends = [tier.up_to for tier in tiers]
    if any(end is None for end in ends[:-1]):
        raise ValueError("only the last tier may be without end")
    numbers = [end for end in ends if end is not None]
    if any(end < 1 for end in numbers) or numbers != sorted(set(numbers)):
        raise ValueError("each tier must end later than the one before")
    if any(tier.unit_price < 0 or tier.flat < 0 for tier in tiers):
        raise ValueError("prices are not negative")


def tier_lines(quantity: int, tiers: Sequence[Tier], mode: str) -> tuple[Line, ...]:
    """The lines of ``quantity`` units on a scale.

    Raises ``ValueError`` when the quantity lies beyond a scale that ends.
    """
    if tiers[-1].up_to is not None and quantity > tiers[-1].up_to:
        raise ValueError(f"the scale ends at {tiers[-1].up_to}")
    if quantity == 0:
        return ()
    lines, below = [], 0
    for number, tier in enumerate(tiers, start=1):
        reached = quantity if tier.up_to is None else min(quantity, tier.up_to)
        is_last = reached == quantity
        if mode == TierMode.GRADUATED:
            lines.append(Line("tier", reached - below, tier.unit_price, tier.flat, number))
        elif is_last:
            lines.append(Line("volume_tier", quantity, tier.unit_price, tier.flat, number))
        if is_last:
            break
        below = reached
    return tuple(lines)


def order_price(rule: PriceRule, quantity: int) -> Calculation:
    """What an order of ``quantity`` (>= 1) costs: the whole term of a subscription, the prepayment of metered use.

    Raises ``ValueError`` for a quantity outside the rule's scale.
    """
    if rule.model == PriceModel.FREE:
        return Calculation((), 0)
    if rule.model == PriceModel.METERED:
        return Calculation((Line("prepayment", quantity, rule.amount * SCALE),), rule.amount * quantity)
    if rule.tiers:
        lines = tier_lines(quantity, rule.tiers, rule.tier_mode)
    else:
        lines = (Line("price", quantity, rule.amount * SCALE),)
    if rule.model == PriceModel.SUBSCRIPTION:
        lines = tuple(
            dataclasses.replace(line, quantity=line.quantity * rule.months, flat=line.flat * rule.months)
            for line in lines
        )
    return Calculation(lines, round_to_fen(sum(line.amount for line in lines)))


def month_charge(rule: PriceRule, units: int) -> Calculation:
    """What ``units`` used within one calendar month cost under a metered rule: free units first, the cap last.

    ``units`` is the month's net use (reversals deducted). A draw is the difference of two such charges, so drawing
    record by record, in any order and with corrections, ends at exactly this total.
    """
    billable = max(0, units - rule.free_units)
    free = Line("free_units", min(max(units, 0), rule.free_units), 0)
    if rule.tiers:
        lines = tier_lines(billable, rule.tiers, rule.tier_mode)
    else:
        lines = (Line("use", billable, rule.unit_price),) if billable else ()
    lines = (free, *lines) if free.quantity else lines
    total = round_to_fen(sum(line.amount for line in lines))
    if rule.monthly_cap is not None and total > rule.monthly_cap:
        return Calculation(lines, rule.monthly_cap, is_capped=True)
    return Calculation(lines, total)


def add_months(day: datetime.date, months: int) -> datetime.date:
    """The same day of the month ``months`` later, or that month's last day when it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return datetime.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def first_unit_price(tiers: Sequence[Tier], mode: str) -> int:
    """What the first unit of a scale costs in fen: the price a list shows it with."""
    return round_to_fen(sum(line.amount for line in tier_lines(1, tiers, mode)))


def term(rule: PriceRule, starts_on: datetime.date) -> tuple[datetime.date, datetime.date] | None:
    """The paid days of a contract begun on ``starts_on``: from the end of the trial to before the second day.

    None for what has no term.
    """
    if not rule.months:
        return None
    first = starts_on + datetime.timedelta(days=rule.trial_days)
    return first, add_months(first, rule.months)


class Month(NamedTuple):
    """One month of a term: its days, and its part of the price (fen)."""

    number: int
    starts_on: datetime.date
    ends_before: datetime.date
    amount: int


def months(total: int, count: int, starts_on: datetime.date) -> list[Month]:
    """A term's ``total`` (fen) by its ``count`` months; what does not divide goes to the first ones."""
    days = [add_months(starts_on, month) for month in range(count + 1)]
    parts = split(total, [1] * count)
    return [Month(*month) for month in zip(range(1, count + 1), days, days[1:], parts, strict=False)]


def instalments(rule: PriceRule, total: int, starts_on: datetime.date) -> tuple[Instalment, ...]:
    """When ``total`` fen are due: all of it with the order, or the first month's part with the order and each other one
    when its month begins, counted from the end of the trial; the parts sum to the total.

    What is due with the order lies in escrow during the trial, whose end within it returns everything.
    """
    if not rule.is_instalment:
        return (Instalment(1, starts_on, total),)
    first, *later = months(total, rule.months, starts_on + datetime.timedelta(days=rule.trial_days))
    due = [(first.number, starts_on, first.amount), *((each.number, each.starts_on, each.amount) for each in later)]
    return tuple(Instalment(*each) for each in due)


@dataclasses.dataclass(frozen=True, slots=True)
class Bargain:
    """What an order comes to: how the price comes about, and for a contract with a term its days and payments."""

    rule: PriceRule
    price: Calculation
    term: tuple[datetime.date, datetime.date] | None = None
    plan: tuple[Instalment, ...] = ()

    @property
    def due_now(self) -> int:
        """The fen that the order puts into escrow: everything, or the first instalment."""
        return self.plan[0].amount if self.plan else self.price.total


def bargain(rule: PriceRule, quantity: int, starts_on: datetime.date) -> Bargain:
    """What ``quantity`` (>= 1) ordered on the day ``starts_on`` comes to. Raises ``ValueError`` as ``order_price``."""
    price = order_price(rule, quantity)
    if not rule.months:
        return Bargain(rule, price)
    return Bargain(rule, price, term(rule, starts_on), instalments(rule, price.total, starts_on))


def unused_part(total: int, starts_on: datetime.date, ends_on: datetime.date, leaves_on: datetime.date) -> int:
    """The fen of ``total`` that fall on the days from ``leaves_on`` to before ``ends_on``: a pro-rata refund.

    By days, largest remainder; nothing when the term is over, everything before it begins.
    """
    days = (ends_on - starts_on).days
    used = min(max((leaves_on - starts_on).days, 0), days)
    return split(total, [used, days - used])[1]


def unused_months(total: int, count: int, starts_on: datetime.date, leaves_on: datetime.date) -> int:
    """The fen of a term's ``total`` that are unused when it is left on ``leaves_on``: what an early end gives back.

    The term is divided into its months as for instalments; those that are over by then are used whole, of the month
    that is cut the days from ``leaves_on`` are unused, and later months are unused whole. So it never reaches into a
    month that was charged, although months differ in length.
    """
    return sum(
        unused_part(month.amount, month.starts_on, month.ends_before, leaves_on)
        for month in months(total, count, starts_on)
    )


_MEMBERS: dict[str, tuple[str, ...]] = {
    PriceModel.FREE: (),
    PriceModel.ONE_OFF: ("amount",),
    PriceModel.SUBSCRIPTION: ("amount", "months", "is_instalment", "trial_days", "renewal_notice_days"),
    PriceModel.METERED: (
        "amount",
        "months",
        "trial_days",
        "unit",
        "unit_price",
        "free_units",
        "monthly_cap",
        "at_prepaid_end",
    ),
}


def as_document(rule: PriceRule) -> dict[str, Any]:
    """The rule as JSON with the members that matter for its model: for the API, the contract and the evidence."""
    document: dict[str, Any] = {"model": str(rule.model)}
    for name in _MEMBERS[rule.model]:
        document[name] = getattr(rule, name)
    if rule.tiers:
        document["tier_mode"] = str(rule.tier_mode)
        document["tiers"] = [tier_document(tier) for tier in rule.tiers]
        document.pop("unit_price" if rule.model == PriceModel.METERED else "amount")
    return document


def from_document(document: Mapping[str, Any]) -> PriceRule:
    """The rule that ``as_document`` wrote: its exact inverse. Raises ``TypeError`` for members it does not know."""
    members = {name: value for name, value in document.items() if name != "tiers"}
    return PriceRule(**members, tiers=tuple(Tier(**tier) for tier in document.get("tiers", ())))


def tier_document(tier: Tier) -> dict[str, int | None]:
    """One tier as JSON, as an offer keeps it."""
    return {"up_to": tier.up_to, "unit_price": tier.unit_price, "flat": tier.flat}
