"""What is going to be ordered: chosen by chance from what the catalogue's API shows, the same for the same seed."""

import dataclasses
import itertools
import random
import re
from typing import Any

from demo.client import Api
from demo.open_data import OPEN_DATA, OpenData
from market.catalog.states import Grade, ProductKind

CODE = re.compile("(" + "|".join(kind.upper() for kind in ProductKind) + r")-\d{3}")
"""Codes of the demo market's own products: what somebody else has listed here meanwhile is left alone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """How much is traded; tests trade less. ``overdue`` orders of last month come on top of ``orders``."""

    buyers: int = 20
    vendors: int = 60
    orders: int = 200
    cancelled: int = 8
    overdue: int = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """A product under one of its public offers, as the catalogue shows it."""

    product: dict[str, Any]
    offer: dict[str, Any]
    open_data: OpenData | None = None

    @property
    def vendor_id(self) -> str:
        return self.product["vendor"]["id"]


@dataclasses.dataclass(slots=True)
class Wanted:
    """One order to place: by which of the buyers, under which reference of its own."""

    number: int
    buyer: int
    choice: Choice
    quantity: int
    reference: str
    order_id: str = ""

    @property
    def amount(self) -> int:
        """What it should cost, by the catalogue: fen."""
        return self.choice.offer["amount"] * self.quantity


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """Everything to be ordered, and which orders have a fate of their own."""

    wanted: list[Wanted]
    cancelled: list[Wanted]
    damaged: Wanted
    overdue: list[Wanted]

    def budget(self, buyer: int) -> int:
        """What the buyer's orders cost together: fen."""
        return sum(wanted.amount for wanted in [*self.wanted, *self.overdue] if wanted.buyer == buyer)


def choose(api: Api, run: str, volume: Volume, new_code: str) -> Plan:
    """Look through the catalogue and choose: what has just been listed, the real open data, and every vendor once."""
    chance = random.Random(run)
    (new,) = api.get("products", q=new_code)["results"]
    choices = [Choice(new, _public(new)[0]), *_choices(api, chance, volume.vendors, new["vendor"]["id"])]
    damaged = next(
        choice for choice in choices[1:] if choice.open_data is None and _kind(choice) == ProductKind.DATASET
    )
    late = next(choice for choice in reversed(choices) if choice.open_data is None and choice.offer["amount"])
    others = [choice for choice in choices if choice is not damaged]
    chosen = [*choices, *chance.choices(others, k=volume.orders - len(choices))]
    chance.shuffle(chosen)
    wanted = [_wanted(chance, number, choice, run, volume) for number, choice in enumerate(chosen)]
    ordinary = [order for order in wanted if order.choice is not damaged and order.choice.open_data is None]
    return Plan(
        wanted=wanted,
        cancelled=chance.sample([order for order in ordinary if order.amount], volume.cancelled),
        damaged=next(order for order in wanted if order.choice is damaged),
        overdue=[_wanted(chance, volume.orders + number, late, run, volume) for number in range(volume.overdue)],
    )


def _choices(api: Api, chance: random.Random, vendors: int, lister: str) -> list[Choice]:
    """All the open data, then one product a vendor of every kind in turn, until so many ``vendors`` sell something."""
    by_code = {data.code: data for data in OPEN_DATA}
    found = [row for row in api.pages("products", q="Real open data") if row["code"] in by_code]
    choices = [Choice(row, _public(row)[0], by_code[row["code"]]) for row in found]
    taken = {lister, *(choice.vendor_id for choice in choices)}
    shelves = [_shelf(api, kind, chance) for kind in ProductKind]
    for shelf in itertools.cycle(shelves):
        if len(taken) >= vendors:
            break
        while shelf[-1]["vendor"]["id"] in taken:
            shelf.pop()
        row = shelf.pop()
        taken.add(row["vendor"]["id"])
        choices.append(Choice(row, chance.choice(_public(row))))
    return choices


def _shelf(api: Api, kind: str, chance: random.Random) -> list[dict[str, Any]]:
    page = api.get("products", kind=kind, grade=Grade.GENERAL, page_size=200)["results"]
    rows = [row for row in page if _public(row) and CODE.fullmatch(row["code"])]
    chance.shuffle(rows)
    return rows


def _public(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [offer for offer in row["offers"] if not offer["is_private"]]


def _kind(choice: Choice) -> str:
    return choice.product["kind"]


def _wanted(chance: random.Random, number: int, choice: Choice, run: str, volume: Volume) -> Wanted:
    quantity = chance.randint(5, 40) if _kind(choice) == ProductKind.COMPUTE else 1
    return Wanted(number, number % volume.buyers, choice, quantity, reference=f"{run}-{number + 1:03d}")
