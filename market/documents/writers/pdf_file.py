"""A statement on paper."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from market.documents.selectors.statements import Line, Statement
from market.documents.writers import words
from market.kernel import clock
from market.kernel.paper import typeset, written

_LAYOUT = (Path(__file__).parent / "statement.typ").read_bytes()


def write(statement: Statement, lines: Iterable[Line], file: BinaryIO) -> None:
    """A4 pages, the heads of the columns on each. The whole document is in memory: mind the limit of lines."""
    now = clock.now()
    document = {
        "title": words.title(),
        "chinese": (get_language() or "").startswith("zh"),
        "facts": list(words.facts(statement)),
        "sums": [(name, words.grouped(amount)) for name, amount in words.sums(statement)],
        "sales": [(name, words.grouped(amount)) for name, amount in words.sales(statement)],
        "header": words.header(),
        "rows": [_row(line) for line in lines],
        "opening": [_("Opening balance"), words.grouped(statement.opening)],
        "closing": [
            _("Closing balance"),
            *(words.grouped(amount) for amount in (statement.credited, statement.debited, statement.closing)),
        ],
        "footer": _("Account %(account)s · made %(moment)s")
        % {
            "account": statement.account.id,
            "moment": f"{now.astimezone(clock.BUSINESS_ZONE):%Y-%m-%d %H:%M:%S} (UTC+8)",
        },
    }
    file.write(typeset(_LAYOUT, {"statement": written(document)}, made_at=now))


def _row(line: Line) -> tuple[str, ...]:
    money_in, money_out = (line.change, 0) if line.change > 0 else (0, -line.change)
    amounts = (words.grouped(amount) if amount else "" for amount in (money_in, money_out))
    return *words.cells(line), *amounts, words.grouped(line.balance)
