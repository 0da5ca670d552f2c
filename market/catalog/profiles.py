"""A small profile of a CSV file, read in one pass and only so far: rows, columns, their types, the first rows."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

CSV_TYPES = {"text/csv": ",;\t|", "text/tab-separated-values": "\t"}
"""Media types that are profiled, and the delimiters tried."""

MAX_BYTES = 8 * 1024 * 1024
"""How much of one revision is read; a longer file is profiled by its beginning (``complete`` is then false)."""

TYPED_ROWS = 200
SAMPLE_ROWS = 5
MAX_COLUMNS = 100
MAX_CELL = 100
PEEK_BYTES = 64 * 1024

_TESTS = {
    "integer": re.compile(r"[+-]?(0|[1-9]\d{0,17})", re.ASCII),
    "number": re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII),
    "boolean": re.compile(r"true|false|True|False|TRUE|FALSE"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII),
    "datetime": re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII),
}


class _FirstBytes(io.RawIOBase):
    """The first ``budget`` bytes of a stream; ``is_cut`` once there was more."""

    def __init__(self, stream: BinaryIO, budget: int) -> None:
        self._stream = stream
        self._left = budget
        self.is_cut = False
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left == 0:
            self.is_cut = self.is_cut or bool(self._stream.read(1))
            return 0
        data = self._stream.read(min(len(buffer), self._left))
        self._left -= len(data)
        self.taken += len(data)
        buffer[: len(data)] = data
        return len(data)


def _described(name: str, cells: Iterable[str]) -> dict[str, Any]:
    """One column by its cells: the first type that all of them have, and how many are empty."""
    stripped = [cell.strip() for cell in cells]
    distinct = set(stripped) - {""}
    fitting = (kind for kind, test in _TESTS.items() if all(map(test.fullmatch, distinct)))
    kind = next(fitting, "string") if distinct else "string"
    return {"name": name, "type": kind, "missing": stripped.count("")}


def profile_csv(stream: BinaryIO, media_type: str, budget: int = MAX_BYTES) -> tuple[dict[str, Any], list[dict], int]:
    """Profile at most ``budget`` bytes: (profile, first rows as objects of texts, bytes read).

    The profile holds ``rows`` (data rows read), ``complete`` (whether that is all of them), ``encoding``,
    ``delimiter`` and ``columns`` (name, type by the first 200 rows, cells missing among these). What is no CSV
    gives ``{"unreadable": why}``: a profile is a courtesy and never stands in the way.
    """
    source = _FirstBytes(stream, budget)
    buffered = io.BufferedReader(source, PEEK_BYTES)
    try:
        profile, sample = _profile(buffered, source, CSV_TYPES[media_type])
    except (csv.Error, UnicodeError) as error:
        return {"unreadable": type(error).__name__}, [], source.taken
    return profile, sample, source.taken


def _profile(buffered: io.BufferedReader, source: _FirstBytes, delimiters: str) -> tuple[dict[str, Any], list[dict]]:
    beginning = buffered.peek(PEEK_BYTES)
    encoding = _encoding_of(beginning)
    text = io.TextIOWrapper(buffered, encoding=encoding, newline="")
    first_line = beginning.decode(encoding, errors="replace").partition("\n")[0]
    delimiter = max(delimiters, key=first_line.count)
    rows = _whole_rows(csv.reader(text, delimiter=delimiter), source)
    header = next(rows, [])
    names = _distinct_names(header[:MAX_COLUMNS])
    typed = list(itertools.islice(rows, TYPED_ROWS))
    # A short row leaves its last cells out; they count as missing.
    columns = itertools.islice(itertools.zip_longest(*typed, fillvalue=""), len(names))
    profile = {
        "rows": len(typed) + sum(1 for _row in rows),
        "complete": not source.is_cut and len(header) <= MAX_COLUMNS,
        "encoding": encoding,
        "delimiter": delimiter,
        "columns": [_described(name, cells) for name, cells in itertools.zip_longest(names, columns, fillvalue=())],
    }
    sample = [dict(zip(names, map(_shown, row), strict=False)) for row in typed[:SAMPLE_ROWS]]
    return profile, sample


def _whole_rows(rows: Iterator[list[str]], source: _FirstBytes) -> Iterator[list[str]]:
    """The rows that are not blank, without a last one that the budget may have cut."""
    held: list[str] | None = None
    while True:
        try:
            row = next(rows, None)
        except UnicodeDecodeError:
            if not source.is_cut:
                raise
            # The budget cut a character in two; its row was never handed out, so the one held is whole.
            if held is not None:
                yield held
            return
        if row is None:
            break
        if row and held is not None:
            yield held
        held = row or held
    if held is not None and not source.is_cut:
        yield held


def _encoding_of(beginning: bytes) -> str:
    """UTF-8 unless the beginning cannot be that; then GB 18030, which contains GBK and GB 2312."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _distinct_names(header: list[str]) -> list[str]:
    names: list[str] = []
    taken: set[str] = set()
    for position, cell in enumerate(header, start=1):
        base = _shown(cell.strip()) or f"column_{position}"
        name, turn = base, 2
        while name in taken:
            name, turn = f"{base}_{turn}", turn + 1
        taken.add(name)
        names.append(name)
    return names


def _shown(cell: str) -> str:
    """A cell as the catalogue shows it: bounded, and without what PostgreSQL cannot hold."""
    cell = cell.replace("\x00", "\ufffd")
    return cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 1] + "…"
