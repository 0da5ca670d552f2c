"""Few round trips: many inserts in one statement, and a state change as one compare-and-set."""

import collections
import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import orjson
from django.db import DEFAULT_DB_ALIAS, IntegrityError, OperationalError, connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.sql import InsertQuery
from psycopg import errors

from market.kernel.conditions import Condition
from market.kernel.direct import text_answer
from market.kernel.encryption import EncryptedField
from market.kernel.errors import Contended, NotFound
from market.kernel.states import TransitionTable

Row = TypeVar("Row", bound=models.Model)

COPIED_NULL = r"\N"


@contextlib.contextmanager
def one_moment(*, read_only: bool = True) -> Iterator[bool]:
    """Let every query of the block see the database as it was at one moment: a repeatable-read transaction, in which
    nothing can be written unless ``read_only`` is False.

    Inside a caller's transaction they see what that sees; the block is told by False.
    """
    if connection.in_atomic_block:
        yield False
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            mode = "READ ONLY" if read_only else "READ WRITE"
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, {mode}")
        yield True


def side_by_side(works: Iterable[Callable[[], Any]], *, connections: int) -> None:
    """Do ``works``, which only read, on so many connections that all see the same moment: what had been committed when
    the caller's transaction (``one_moment``) began to look.

    A work is taken by whichever connection is free. Raises what the first work raised that failed; then those that had
    not begun are left.
    """
    left = collections.deque(works)
    failed: list[BaseException] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        (moment,) = cursor.fetchone()

    def work_off() -> None:
        while not failed:
            try:
                work = left.popleft()
            except IndexError:
                return
            work()

    def work_elsewhere() -> None:
        try:
            with one_moment(), connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
                work_off()
        except BaseException as failure:  # a thread has nobody else to tell
            failed.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work_elsewhere) for _number in range(connections - 1)]
    for thread in threads:
        thread.start()
    try:
        work_off()
    except BaseException as failure:
        failed.append(failure)
        raise
    finally:
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]


def new_row(model: type[Row], **values: Any) -> Row:
    """``model(**values)`` for the busiest tables: the same unsaved instance in half the time, without signals.

    Values are given by the fields' names or attributes (``order`` or ``order_id``). Raises ``TypeError`` for others.
    """
    fixed, made, relations = _beginning(model)
    contents = {**fixed, **values}
    for attribute, make in made:
        if attribute not in contents:
            contents[attribute] = make()
    state = models.base.ModelState()
    for name, attribute in relations:
        if name in contents:
            instance = state.fields_cache[name] = contents.pop(name)
            contents[attribute] = instance and instance.pk
    if len(contents) > len(_columns(model)):
        raise TypeError(f"{model.__name__} has no {', '.join(contents.keys() - set(dict(_columns(model)).values()))}")
    row = model.__new__(model)
    row.__dict__ = {"_state": state, **contents}
    return row


@functools.cache
def _beginning(
    model: type[models.Model],
) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]], list[tuple[str, str]]]:
    """What every new row has, what makes a fresh value for some attributes, and names and attributes of relations."""
    fields = _fields(model)
    made = [(field.attname, field.default) for field in fields if field.has_default() and callable(field.default)]
    fixed = {field.attname: field.get_default() for field in fields if field.attname not in dict(made)}
    return fixed, made, [(field.name, field.attname) for field in fields if field.is_relation]


def insert_together(*rows: models.Model | Iterable[models.Model] | None, given: Condition | None = None) -> bool:
    """Insert rows of any models in ONE statement: one round trip for a whole business act, or for a thousand.

    Each argument is an unsaved instance whose key is already set, an iterable of them, or None (left out). Foreign
    keys among the rows hold, whatever their order: PostgreSQL checks them when the statement ends. Triggers and
    constraints act as for any insert; ``save()`` and signals are not called.

    With ``given`` the statement asks that first: it inserts nothing and the answer is False when it does not hold.

    Raises ``django.db.IntegrityError``; ``violated_constraint`` tells which rule refused the rows.
    """
    by_model = _by_model(rows)
    if not by_model:
        return True
    documents = _as_documents(by_model, given)
    if documents is not None:
        done = text_answer(*documents) == "true"
    else:
        # A lock is the transaction's, so there must be one around both statements.
        alone = contextlib.nullcontext() if connection.in_atomic_block else transaction.atomic()
        with alone, connection.cursor() as cursor:
            done = given is None or _holds(cursor, given)
            if done:
                cursor.execute(*_as_values(by_model))
    if done:
        for instance in itertools.chain.from_iterable(by_model.values()):
            instance._state.adding = False
            instance._state.db = DEFAULT_DB_ALIAS
    return done


def insertion(rows: Iterable[models.Model], given: Condition) -> tuple[str, list[str]] | None:
    """The statement that ``insert_together`` makes of these rows, and its parameters, for who sends it otherwise; it
    answers ``true`` when it was done. None when it takes more than one."""
    return _as_documents(_by_model([rows]), given)


def _by_model(rows: Iterable[models.Model | Iterable[models.Model] | None]) -> dict[type, list[models.Model]]:
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for row in _flatten(rows):
        by_model.setdefault(type(row), []).append(row)
    return by_model


def _as_documents(
    by_model: dict[type[models.Model], list[models.Model]], given: Condition | None
) -> tuple[str, list[str]] | None:
    """The rows of each model as one JSON array: the statement's text depends on the models alone, so PostgreSQL has
    it prepared, and nothing is done value by value here. None when a value does not go into JSON, or is stored
    otherwise than it is here (encrypted)."""
    known = _statement(tuple(by_model), given and given.question)
    if known is None:
        return None
    statement, columns_of = known
    parameters = [] if given is None else [given.parameter]
    for columns, instances in zip(columns_of, by_model.values(), strict=True):
        # A column left out is null to PostgreSQL. Past the descriptors: of a new row no column is deferred.
        documents = [
            {column: value for column, attribute in columns if (value := values[attribute]) is not None}
            for values in (row.__dict__ for row in instances)
        ]
        try:
            parameters.append(orjson.dumps(documents, _bytes_as_text).decode())
        except TypeError:
            return None
    return statement, parameters


def _bytes_as_text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return f"\\x{bytes(value).hex()}"
    raise TypeError


@functools.cache
def _statement(of: tuple[type[models.Model], ...], given: str | None) -> tuple[str, list[list[tuple[str, str]]]] | None:
    """The statement and the columns of each model; None when some value is stored encrypted."""
    if any(isinstance(field, EncryptedField) for model in of for field in model._meta.concrete_fields):
        return None
    parts = []
    for index, model in enumerate(of):
        table = connection.ops.quote_name(model._meta.db_table)
        names = ", ".join(connection.ops.quote_name(column) for column, _attribute in _columns(model))
        select = f"SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608 (names of our own)
        condition = " WHERE (SELECT holds FROM given)" if given else ""
        parts.append(f"inserted_{index} AS (INSERT INTO {table} ({names}) {select}{condition})")
    return _joined(parts, given), [_columns(model) for model in of]


def _joined(parts: list[str], given: str | None) -> str:
    if not given:
        return f"WITH {', '.join(parts)} SELECT 'true'"
    asked = f"given AS MATERIALIZED ({given})"
    return f"WITH {', '.join([asked, *parts])} SELECT holds::text FROM given"  # noqa: S608 (as above)


def _holds(cursor: CursorWrapper, given: Condition) -> bool:
    cursor.execute(given.question, [given.parameter])
    return bool(cursor.fetchone()[0])


def _as_values(by_model: dict[type[models.Model], list[models.Model]]) -> tuple[str, list]:
    """For rows with values that the database is to compute, or that JSON has no form for."""
    parts, parameters = [], []
    for index, (model, instances) in enumerate(by_model.items()):
        query = InsertQuery(model)
        query.insert_values(_fields(model), instances)
        for sql, values in query.get_compiler(connection=connection).as_sql():
            parts.append(f"inserted_{index} AS ({sql})")
            parameters.extend(values)
    return _joined(parts, None), parameters


@functools.cache
def _columns(model: type[models.Model]) -> list[tuple[str, str]]:
    return [(field.column, field.attname) for field in _fields(model)]


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


def copied_text(value: str) -> str:
    """A text as a value in the text format of ``COPY``: whoever has many short rows writes them by hand, for that is
    several times as quick as handing over values one by one. ``COPIED_NULL`` stands for NULL."""
    if value.isprintable() and "\\" not in value:  # most are, and this looks at them quicker
        return value
    return value.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


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


def move_instance(instance: models.Model, moves: TransitionTable, target: str, **changes: Any) -> None:
    """``move_state`` of one row whose instance is at hand, and the same on the instance. Raises as that does."""
    move_state(type(instance)._default_manager.filter(pk=instance.pk), moves, target, **changes)
    for name, value in {"state": target, **changes}.items():
        setattr(instance, name, value)


def violated_constraint(error: IntegrityError) -> str:
    """The name of the constraint that PostgreSQL says was broken, or an empty string."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return (diagnostics.constraint_name or "") if diagnostics else ""


def is_deadlock(error: OperationalError) -> bool:
    """Whether PostgreSQL ended this transaction because it and another waited for each other."""
    return isinstance(error.__cause__, errors.DeadlockDetected)


@contextlib.contextmanager
def deadlock_refused() -> Iterator[None]:
    """Around a whole transaction: turn its end by a deadlock into ``Contended``.

    Acts lock in one order (``market.kernel.locks``), yet the keys of what they insert are waited for, too, in whichever
    order they come. So every door to an act does this, for the person or program to come again.
    """
    try:
        yield
    except OperationalError as error:
        if is_deadlock(error):
            raise Contended() from error
        raise
