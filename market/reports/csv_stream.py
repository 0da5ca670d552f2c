"""A report's file as a stream: PostgreSQL writes the CSV (RFC 4180, but a line ends with LF alone), and it passes
through here in pieces, counted and hashed, never held."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator

import psycopg
from django.core.files.base import File
from django.db import connection

from market.reports.exporters import Exporter

PIECE_BYTES = 256 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextlib.contextmanager
def snapshot() -> Iterator[psycopg.Cursor]:
    """A cursor on a connection of its own that sees one moment of the database, whatever happens meanwhile, so that
    totals and lines agree; progress can be committed on the other connection."""
    reader = connection.copy()
    try:
        reader.connect()
        with reader.connection.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield cursor
    finally:
        reader.close()


def totals(cursor: psycopg.Cursor, exporter: Exporter, parameters: dict) -> dict[str, int]:
    """``rows`` and the exporter's sums (fen), by the database, over the very SELECT that is exported."""
    statement, values = exporter.totals_query(parameters)
    cursor.execute(statement, values)
    rows, *sums = cursor.fetchone()
    return {"rows": rows} | {name: int(value) for name, value in zip(exporter.sums, sums, strict=True)}


class CsvFile(File):
    """What a storage saves: its chunks come out of the database as they are asked for.

    ``on_rows(rows so far)`` is called after each piece (``PIECE_BYTES``), so that a lease can be renewed; what it
    raises ends the stream. ``rows``, ``size_bytes`` and ``sha256`` are right when the stream has ended.
    """

    def __init__(
        self, cursor: psycopg.Cursor, exporter: Exporter, parameters: dict, on_rows: Callable[[int], None]
    ) -> None:
        super().__init__(None, name=exporter.identifier)
        self._cursor = cursor
        self._exporter = exporter
        self._parameters = parameters
        self._on_rows = on_rows
        self._digest = hashlib.sha256()
        self.rows = 0
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Of everything streamed so far, in hexadecimal."""
        return self._digest.hexdigest()

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        piece = bytearray(self._beginning())
        statement, values = self._exporter.query(self._parameters)
        with self._cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')", values) as copy:
            for line in copy:  # the protocol sends one message a row
                piece += line
                self.rows += 1
                if len(piece) >= PIECE_BYTES:
                    yield self._passed(piece)
                    piece.clear()
        yield self._passed(piece)

    def _beginning(self) -> bytes:
        mark = BYTE_ORDER_MARK if self._parameters.get("for_spreadsheet") else b""
        return mark + ",".join(self._exporter.header).encode() + b"\n"

    def _passed(self, piece: bytearray) -> bytes:
        self._digest.update(piece)
        self.size_bytes += len(piece)
        self._on_rows(self.rows)
        return bytes(piece)
