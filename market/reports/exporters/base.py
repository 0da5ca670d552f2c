"""What an exporter is: parameters, a row source, and columns that PostgreSQL itself writes as CSV.

The columns are SQL expressions and the file leaves the database by COPY. Measured (benchmarks/exports.py): a million
rows cost this process no more memory than ten thousand, and take half the time of a server-side cursor and Python's csv
module, whose way of writing would also be the place where a number becomes a float.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import F, Func, QuerySet, TextField
from django.db.models.expressions import Combinable
from django.utils.functional import Promise

from market.api.serializers import StrictSerializer


class SafeText(Func):
    """Text that a spreadsheet would take for a formula gets an apostrophe in front, and so does text that begins with
    one: a reader who takes one leading apostrophe away has the original back. The full-width signs count, because
    spreadsheets of Chinese and Japanese locales obey them too."""

    template = r"regexp_replace(%(expressions)s, '^(?=[-=+@\t\r\n''＝＋－＠])', '''')"
    output_field = TextField()


class Yuan(Func):
    """Fen as yuan, exact, two decimals: ``12345`` is ``123.45``."""

    template = "(%(expressions)s::numeric / 100)::numeric(20, 2)"
    output_field = TextField()


class BusinessTime(Func):
    """ISO 8601 with microseconds in Asia/Shanghai, whose offset has been +08:00 since 1991."""

    template = """to_char(%(expressions)s AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.US"+08:00"')"""
    output_field = TextField()


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its name in the header line and the expression that gives its cells."""

    name: str
    expression: Combinable


def text(name: str, path: str | Combinable) -> Column:
    """Words that people typed: escaped against formulas."""
    return Column(name, SafeText(_expression(path)))


def plain(name: str, path: str | Combinable) -> Column:
    """Numbers, keys, codes and digests that the exchange made: written as they are, never escaped."""
    return Column(name, _expression(path))


def moment(name: str, path: str | Combinable) -> Column:
    """A time, with its offset from UTC."""
    return Column(name, BusinessTime(_expression(path)))


def money(name: str, path: str | Combinable) -> tuple[Column, Column]:
    """An amount of fen as two numeric columns: ``<name>_yuan`` to read and ``<name>_fen`` to add up."""
    return Column(f"{name}_yuan", Yuan(_expression(path))), Column(f"{name}_fen", _expression(path))


def _expression(path: str | Combinable) -> Combinable:
    return F(path) if isinstance(path, str) else path


@dataclasses.dataclass(frozen=True)
class Exporter:
    """One kind of report.

    ``parameters`` validates what is asked for; ``rows(cleaned parameters)`` gives the queryset, one object a line, in
    which no join may multiply rows; ``columns`` in order, the unique ``order_by`` last of all decides the order of
    lines; ``sums`` names the columns (of fen) whose sums are kept with the report.
    """

    identifier: str
    title: str | Promise
    explanation: str | Promise
    parameters: type[StrictSerializer]
    rows: Callable[[Mapping[str, Any]], QuerySet]
    columns: tuple[Column, ...]
    sums: tuple[str, ...] = ()
    order_by: str = "id"

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def query(self, parameters: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """The SELECT and its parameters; its columns are named ``c0``, ``c1``, ... in the order of ``columns``."""
        names = [f"c{index}" for index in range(len(self.columns))]
        rows = self.rows(parameters).annotate(
            **{name: column.expression for name, column in zip(names, self.columns, strict=True)}
        )
        return rows.order_by(self.order_by).values_list(*names).query.sql_with_params()

    def totals_query(self, parameters: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """Row count and sums over the very SELECT that is exported."""
        select, values = self.query(parameters)
        sums = "".join(f", coalesce(sum(c{self.header.index(name)}), 0)" for name in self.sums)
        return f"SELECT count(*){sums} FROM ({select}) AS exported", values  # noqa: S608 (names of our own columns)


_exporters: dict[str, Exporter] = {}


def register(exporter: Exporter) -> None:
    """Offer an exporter to auditors. Raises ``ValueError`` when its identifier is taken."""
    if exporter.identifier in _exporters:
        raise ValueError(f"{exporter.identifier} is registered already")
    _exporters[exporter.identifier] = exporter


def exporter_of(identifier: str) -> Exporter | None:
    """The exporter of that identifier, or None."""
    return _exporters.get(identifier)


def exporters() -> list[Exporter]:
    """All that can be asked for, in the order of registration."""
    return list(_exporters.values())
