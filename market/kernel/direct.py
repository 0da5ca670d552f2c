"""One statement, one text answer: the way to PostgreSQL for the two statements of the hottest act.

Django and psycopg make a cursor, adapt each parameter to its type and convert each column back. Where all parameters
are texts and the answer is one text there is nothing to adapt or convert, and libpq is asked directly, as psycopg
itself asks it (``psycopg.pq`` is its public door to libpq). Who has other things to wait for, too, asks on a ``Line``.
"""

import functools
import hashlib
import weakref
from collections.abc import Sequence

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, errors
from psycopg.pq import DiagnosticField, ExecStatus, PGresult

_prepared: weakref.WeakKeyDictionary[Connection, set[bytes]] = weakref.WeakKeyDictionary()


def text_answer(sql: str, parameters: Sequence[str | None]) -> str | None:
    """The first column of the one row that ``sql`` answers with, which must be a text.

    ``parameters`` stand for the ``%s`` in order; PostgreSQL takes each for what its place wants. Outside a transaction
    the statement is one of its own. Raises what a cursor raises.
    """
    database = connections[DEFAULT_DB_ALIAS]
    # In a transaction psycopg may yet have to send its BEGIN; and whoever listens to queries listens to cursors.
    if database.in_atomic_block or database.queries_logged or database.execute_wrappers:
        with database.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchone()[0]
    database.ensure_connection()
    database.close_if_health_check_failed()
    database.ensure_connection()
    with database.wrap_database_errors:
        return _ask(database, sql, [None if value is None else value.encode() for value in parameters])


def _ask(database: BaseDatabaseWrapper, sql: str, parameters: list[bytes | None]) -> str | None:
    connection = database.connection
    libpq = connection.pgconn
    name, numbered = _numbered(sql)
    if connection.prepare_threshold is None:  # a pooler in between that does not know prepared statements
        result = libpq.exec_params(numbered, parameters)
    else:
        known = _prepared.setdefault(connection, set())
        if name not in known:
            _prepare(connection, name, numbered)
            known.add(name)
        result = libpq.exec_prepared(name, parameters)
        if _is_forgotten(result):
            # After a rollback psycopg deallocates whatever was prepared on the connection. Nothing has happened yet.
            _prepare(connection, name, numbered)
            result = libpq.exec_prepared(name, parameters)
    if result.status != ExecStatus.TUPLES_OK:
        raise errors.error_from_result(result)
    answer = result.get_value(0, 0)
    return None if answer is None else answer.decode()


class Line:
    """A connection of its own, on which statements like those of ``text_answer`` go without waiting for their end.

    Making one connects, and waits for that; raises ``django.db.OperationalError``. All else raises
    ``psycopg.OperationalError`` when the connection is lost.
    """

    def __init__(self) -> None:
        self._database = connections.create_connection(DEFAULT_DB_ALIAS)
        self._database.inc_thread_sharing()  # who makes it need not be who uses it
        self._database.ensure_connection()
        self._connection: Connection = self._database.connection
        self._last: PGresult | None = None

    def fileno(self) -> int:
        """What to wait for."""
        return self._connection.pgconn.socket

    def ask(self, sql: str, parameters: Sequence[str]) -> None:
        """Send a statement; one at a time. The first time it is prepared, and that is waited for."""
        libpq, values = self._connection.pgconn, [value.encode() for value in parameters]
        name, numbered = _numbered(sql)
        if self._connection.prepare_threshold is None:
            libpq.send_query_params(numbered, values)
            return
        known = _prepared.setdefault(self._connection, set())
        if name not in known:
            _prepare(self._connection, name, numbered)
            known.add(name)
        libpq.send_query_prepared(name, values)

    def answer(self) -> PGresult | None:
        """What the statement came to, when it has come to its end, its commit included; None before that."""
        libpq = self._connection.pgconn
        libpq.consume_input()
        while not libpq.is_busy():
            result = libpq.get_result()
            if result is None:
                last, self._last = self._last, None
                if last is not None and _is_forgotten(last):
                    _prepared.pop(self._connection, None)
                return last
            self._last = result
        return None

    def close(self) -> None:
        """End the connection."""
        self._database.close()


def _prepare(connection: Connection, name: bytes, numbered: bytes) -> None:
    made = connection.pgconn.prepare(name, numbered)
    if made.status != ExecStatus.COMMAND_OK:
        raise errors.error_from_result(made)


def _is_forgotten(result: PGresult) -> bool:
    """Whether PostgreSQL does not know the prepared statement: SQLSTATE 26000."""
    return result.status == ExecStatus.FATAL_ERROR and result.error_field(DiagnosticField.SQLSTATE) == b"26000"


@functools.cache
def _numbered(sql: str) -> tuple[bytes, bytes]:
    """A name for the statement, and its text with ``$1``, ``$2`` for ``%s``."""
    first, *rest = sql.split("%s")
    text = first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
    return f"direct_{hashlib.sha256(sql.encode()).hexdigest()[:16]}".encode(), text.encode()
