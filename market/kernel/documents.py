"""Reads of the hottest paths: one statement that answers with one JSON document, and model instances made of it.

Django compiles a queryset to SQL and converts each column of each row; for a read that joins many tables that costs
several times what PostgreSQL's answer does. The SQL of such a read stands in a ``.sql`` file beside its selector.
"""

import datetime
import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
from django.db import DEFAULT_DB_ALIAS, models

from market.kernel.direct import text_answer
from market.kernel.encryption import EncryptedField

Row = TypeVar("Row", bound=models.Model)

_FROM_JSON: dict[str, Callable[[str], Any]] = {
    "UUIDField": uuid.UUID,
    "DateTimeField": datetime.datetime.fromisoformat,
    "DateField": datetime.date.fromisoformat,
    "BinaryField": lambda text: bytes.fromhex(text.removeprefix("\\x")),
}
"""How a column comes back from PostgreSQL's JSON; what is not named here is what JSON says it is."""


def statement(path: Path) -> str:
    """The SQL of a file without its comments and indentation: psycopg remembers how to send texts up to 4 KiB."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return "\n".join(line for line in lines if not line.startswith("--"))


def document(sql: str, parameters: Mapping[str, Any]) -> Any:
    """The one JSON document (cast to text) that ``sql`` answers with; one round trip.

    Parameters are named as in ``%(name)s``: texts, keys, moments, None, or lists of objects, which arrive as JSON.
    """
    text = text_answer(*positional(sql, parameters))
    return None if text is None else orjson.loads(text)


def positional(sql: str, parameters: Mapping[str, Any]) -> tuple[str, list[str | None]]:
    """SQL with ``%s`` for each ``%(name)s``, and the texts that stand for them."""
    text, names = _positional(sql)
    values = {name: _as_text(value) for name, value in parameters.items()}
    return text, [values[name] for name in names]


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, list) else str(value)


@cache
def _positional(sql: str) -> tuple[str, list[str]]:
    return re.sub(r"%\(\w+\)s", "%s", sql), re.findall(r"%\((\w+)\)s", sql)


def loaded(model: type[Row], columns: Mapping[str, Any], **related: models.Model | None) -> Row:
    """An instance as the database holds it, from a row of a JSON document and instances it refers to.

    A column that is not there, or is encrypted, is loaded when it is asked for, as with ``defer()``. Names that are no
    columns become attributes, as annotations do.
    """
    row = model.__new__(model)
    values = dict(columns)
    for name in _stored_otherwise(model):
        values.pop(name, None)
    for name, convert in _converted(model):
        value = values.get(name)
        if value is not None:
            values[name] = convert(value)
    row.__dict__.update(values)
    state = row._state = models.base.ModelState()
    state.adding = False
    state.db = DEFAULT_DB_ALIAS
    state.fields_cache = related
    return row


def copied(row: Row) -> Row:
    """Another instance of the same row, whose attributes may be set without changing the first."""
    other = type(row).__new__(type(row))
    other.__dict__ = dict(row.__dict__)
    return other


@cache
def _converted(model: type[models.Model]) -> list[tuple[str, Callable[[str], Any]]]:
    """The columns of a model that JSON has no type for."""
    columns = [(field.attname, _kind(field)) for field in model._meta.concrete_fields]
    return [(name, _FROM_JSON[kind]) for name, kind in columns if kind in _FROM_JSON]


@cache
def _stored_otherwise(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if isinstance(field, EncryptedField)]


def _kind(field: models.Field) -> str:
    return (field.target_field if field.is_relation else field).get_internal_type()
