"""Few round trips: many inserts in one statement, and a state change as one compare-and-set."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, connection, models
from django.db.models.sql import InsertQuery

from market.kernel.errors import NotFound
from market.kernel.states import TransitionTable


def insert_together(*rows: models.Model | Iterable[models.Model] | None) -> None:
    """Insert rows of any models in ONE statement: one round trip for a whole business act.

    Each argument is an unsaved instance whose key is already set, an iterable of them, or None (left out). Foreign
    keys among the rows hold, whatever their order: PostgreSQL checks them when the statement ends. Triggers and
    constraints act as for any insert; ``save()`` and signals are not called.

    Raises ``django.db.IntegrityError``; ``violated_constraint`` tells which rule refused the rows.
    """
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for row in _flatten(rows):
        by_model.setdefault(type(row), []).append(row)
    if not by_model:
        return
    statement, parameters = _quickly(by_model) or _thoroughly(by_model)
    for instance in itertools.chain.from_iterable(by_model.values()):
        instance._state.adding = False
        instance._state.db = connection.alias
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


_statements: dict[tuple[type[models.Model], ...], str] = {}
"""Statements that insert one row of each of these models: there are as many as there are kinds of acts."""


def _quickly(by_model: dict[type[models.Model], list[models.Model]]) -> tuple[str, list] | None:
    """One row a model, none of them an expression, as before: only the values are new. None for anything else."""
    statement = _statements.get(tuple(by_model))
    if statement is None or any(len(instances) > 1 for instances in by_model.values()):
        return None
    parameters = [
        field.get_db_prep_save(field.pre_save(instance, add=True), connection=connection)
        for model, (instance,) in by_model.items()
        for field in _fields(model)
    ]
    return None if any(hasattr(value, "as_sql") for value in parameters) else (statement, parameters)


def _thoroughly(by_model: dict[type[models.Model], list[models.Model]]) -> tuple[str, list]:
    parts, parameters = [], []
    for index, (model, instances) in enumerate(by_model.items()):
        query = InsertQuery(model)
        query.insert_values(_fields(model), instances)
        for sql, values in query.get_compiler(connection=connection).as_sql():
            parts.append(f"inserted_{index} AS ({sql})")
            parameters.extend(values)
    statement = f"WITH {', '.join(parts)} SELECT 1"
    expected = sum(len(_fields(model)) for model in by_model)
    if len(parameters) == expected and all(len(instances) == 1 for instances in by_model.values()):
        _statements[tuple(by_model)] = statement
    return statement, parameters


def _fields(model: type[models.Model]) -> list[models.Field]:
    return [field for field in model._meta.concrete_fields if not field.generated]


def copy_together(rows: Iterable[models.Model]) -> None:
    """Insert any number of rows of ONE model by ``COPY``: for bulk imports, several times quicker than ``INSERT``.

    As with ``insert_together``, keys are set beforehand, triggers and constraints act, ``save()`` and signals do not.
    The rows are read one by one and never held. Raises ``django.db.IntegrityError``.
    """
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return
    fields = _fields(type(first))
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    command = f"COPY {quote(first._meta.db_table)} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(command) as copy:
        for row in itertools.chain([first], iterator):
            copy.write_row([field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields])
            row._state.adding = False
            row._state.db = connection.alias


def copy_values(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of plain values by ``COPY``, without making instances: for the busiest tables.

    ``names`` are the fields' attributes (``order_id``); every value is of a type that psycopg writes as it is: UUID,
    text, integer, truth, date, aware moment, or None. Columns not named get the database's default. Otherwise as
    ``copy_together``. Raises ``django.db.IntegrityError``.
    """
    quote = connection.ops.quote_name
    by_name = {field.attname: field.column for field in _fields(model)}
    columns = ", ".join(quote(by_name[name]) for name in names)
    command = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def _flatten(rows: Iterable[models.Model | Iterable[models.Model] | None]) -> Iterable[models.Model]:
    for row in rows:
        if isinstance(row, models.Model):
            yield row
        elif row is not None:
            yield from row


def move_state(
    queryset: models.QuerySet, moves: TransitionTable, target: str, *, field: str = "state", **changes: Any
) -> None:
    """Compare-and-set: bring the one row of ``queryset`` to ``target`` if its state allows that, else refuse.

    ``changes`` are set in the same UPDATE. Of two callers that race, one wins; the other gets
    ``IllegalTransition`` with the state it lost to. Raises ``NotFound`` when the row does not exist.
    """
    changed = queryset.filter(**{f"{field}__in": moves.sources(target)}).update(**{field: target}, **changes)
    if changed:
        return
    current = queryset.values_list(field, flat=True).first()
    if current is None:
        raise NotFound
    raise moves.illegal(current, target)


def violated_constraint(error: IntegrityError) -> str:
    """The name of the constraint that PostgreSQL says was broken, or an empty string."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return (diagnostics.constraint_name or "") if diagnostics else ""
