"""Queries compiled once: on the hottest paths Django's compiler costs more than PostgreSQL's answer."""

import copy
import datetime
import random
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=Model)

_STAND_INS: dict[type, Callable[[], Any]] = {
    uuid.UUID: uuid.uuid4,
    str: lambda: uuid.uuid4().hex,
    datetime.datetime: lambda: datetime.datetime.fromtimestamp(random.uniform(0, 1e9), datetime.UTC),
}


class CompiledQuery(Generic[Row]):
    """A queryset as a function of its arguments, whose SQL is made at the first call and kept.

    ``types`` names the arguments, each a UUID, a text or a moment. ``build(**arguments)`` returns the queryset; it is
    called once, with a stand-in for each argument, so it must pass them on as they are and decide nothing by their
    values. What each row loads (``select_related``, annotations) is what the queryset says; ``prefetch_related`` is not
    done.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], **types: type) -> None:
        self._build = build
        self._types = types
        self._compiled: tuple[SQLCompiler, str, list[tuple[str | None, Any]]] | None = None

    def rows(self, **arguments: Any) -> list[Row]:
        """Every row for these arguments; one round trip. Raises ``TypeError`` for other arguments than declared."""
        if {name: type(value) for name, value in arguments.items()} != self._types:
            raise TypeError(f"this query takes {self._types}, not {arguments}")
        if self._compiled is None:
            self._compiled = self._compile()
        compiled, sql, template = self._compiled
        parameters = tuple(value if name is None else arguments[name] for name, value in template)
        # A compiler belongs to one thread's connection and remembers one execution: each call has a copy.
        compiler = copy.copy(compiled)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        compiler.as_sql = lambda *_args, **_kwargs: (sql, parameters)
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        source = SimpleNamespace(db=DEFAULT_DB_ALIAS, query=query, _known_related_objects={})
        return list(ModelIterable(source))

    def first(self, **arguments: Any) -> Row | None:
        """The first row, or None."""
        found = self.rows(**arguments)
        return found[0] if found else None

    def _compile(self) -> tuple[SQLCompiler, str, list[tuple[str | None, Any]]]:
        names = {_STAND_INS[kind](): name for name, kind in self._types.items()}
        queryset = self._build(**{name: stand_in for stand_in, name in names.items()})
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        template = [(names.get(_hashable(value)), value) for value in parameters]
        if missing := set(self._types) - {name for name, _value in template}:
            raise ValueError(f"the query does not pass on {', '.join(sorted(missing))}")
        return compiler, sql, template


def _hashable(value: Any) -> Any:
    return value if type(value) in _STAND_INS else None
