"""A list of products from another system, with their files, reviewed there and taken over here."""

import dataclasses
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from market.catalog.services import ImportedFile, ImportedOffer, ImportedProduct, import_products
from market.catalog.services.prices import PriceTerms
from market.kernel.actors import Actor
from market.kernel.errors import BusinessError
from market.workspaces.access import Workspace


class Command(BaseCommand):
    help = (
        "Import products from a file of JSON lines, all or none of them. A line is an object with the members of "
        'ImportedProduct in market/catalog/services/imports.py; a file in it is {"path": as buyers see it, '
        '"file": where it lies, relative to the list and not outside its folder}; amounts are fen.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("list", type=Path, help="a file of JSON lines, one product a line")
        parser.add_argument("--operator", required=True, help="e-mail of the operator who vouches for the reviews")
        parser.add_argument("--reasons", default="", help="where the reviews were held: it becomes evidence")

    def handle(self, *args: Any, **options: Any) -> None:
        listing = options["list"].resolve()
        try:
            keys = import_products(
                actor=_operator(options["operator"]), products=_products(listing), reasons=options["reasons"]
            )
        except BusinessError as error:
            lines = [f"{_place(pointer)}: {reason}" for pointer, reason in sorted(error.errors.items())]
            raise CommandError("\n".join(["Nothing was imported.", *(lines or [str(error)])])) from error
        except OSError as error:
            raise CommandError(f"Nothing was imported: {error}") from error
        self.stdout.write(f"Imported {len(keys)} products.")


def _operator(email: str) -> Actor:
    user = User.objects.filter(email=email.lower()).first()
    actor = user.actor_in(Workspace.OPERATOR) if user is not None else None
    if actor is None:
        raise CommandError(f"{email} does not operate the exchange.")
    return actor


def _place(pointer: str) -> str:
    """``/17/offers/0/amount`` as ``line 18, offers/0/amount``."""
    number, _slash, rest = pointer.removeprefix("/").partition("/")
    return f"line {int(number) + 1}, {rest}" if number.isdigit() else pointer


def _products(listing: Path) -> Iterator[ImportedProduct]:
    with listing.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _product(json.loads(line), listing.parent)
            except (TypeError, ValueError) as error:
                raise CommandError(f"Nothing was imported. line {number}: {error}") from error


def _product(given: Any, folder: Path) -> ImportedProduct:
    members = _members(ImportedProduct, given)
    files = [_file(file, folder) for file in members.pop("files", [])]
    offers = [_offer(offer) for offer in members.pop("offers", [])]
    return ImportedProduct(**members, files=files, offers=offers)


def _offer(given: Any) -> ImportedOffer:
    members = _members(ImportedOffer, given)
    if unknown := set(members.get("price", {})) - set(PriceTerms.__annotations__):
        raise ValueError(f"unknown in price: {', '.join(sorted(unknown))}")
    return ImportedOffer(**members)


def _file(given: Any, folder: Path) -> ImportedFile:
    is_file = isinstance(given, dict) and set(given) <= {"path", "file", "media_type"} and "file" in given
    if not is_file or not all(isinstance(text, str) for text in given.values()):
        raise ValueError('a file looks like {"path": "road.csv", "file": "files/road.csv"}')
    place = (folder / given["file"]).resolve()
    # The list may come from somebody else, and must not lead to files of this machine.
    if not place.is_relative_to(folder):
        raise ValueError(f"{given['file']} lies outside the list's folder")
    return ImportedFile(given.get("path", given["file"]), place, given.get("media_type", ""))


def _members(kind: type, given: Any) -> dict[str, Any]:
    """The members of a JSON object that a dataclass knows, each of the kind of value that it expects."""
    if not isinstance(given, dict):
        raise TypeError("an object is expected")
    expected = {field.name: field.type for field in dataclasses.fields(kind)}
    if unknown := set(given) - set(expected):
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    wrong = [name for name, value in given.items() if not isinstance(value, _classes(expected[name]))]
    if wrong:
        raise ValueError(f"not of the right kind: {', '.join(wrong)}")
    return dict(given)


def _classes(annotation: Any) -> tuple[type, ...]:
    """The classes an annotation stands for, such as (str, UUID) for ``str | UUID`` and (dict,) for a ``TypedDict``."""
    alternatives = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return tuple(dict if typing.is_typeddict(kind) else typing.get_origin(kind) or kind for kind in alternatives)
