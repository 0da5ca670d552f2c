"""A statement as CSV (RFC 4180, but a line ends with LF alone), for programs: the same words whoever reads it."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from market.documents.selectors.statements import Line, Statement
from market.kernel import clock
from market.kernel.money import to_text
from market.kernel.spreadsheets import safe_text

HEADER = (
    "posted_at", "act", "reference", "counterparty", "other_account", "change_yuan", "change_fen", "balance_yuan",
    "balance_fen", "gross_fen", "commission_fen", "vat_fen", "currency", "subject_type", "subject_id", "transfer_id",
)  # fmt: skip


def write(statement: Statement, lines: Iterable[Line], file: BinaryIO) -> None:
    """Header, a line with the opening balance, one line a movement, a line with the closing balance."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(_rows(statement, lines))
    finally:
        # Closing the wrapper would close the file.
        text.detach()


def _rows(statement: Statement, lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    currency = statement.account.currency
    yield _balance("opening_balance", statement.opening, statement.period.begins, currency)
    for line in lines:
        yield (
            _moment(line.posted_at),
            line.kind,
            safe_text(line.reference),
            safe_text(line.counterparty),
            line.other_account,
            to_text(line.change),
            line.change,
            to_text(line.balance),
            line.balance,
            line.gross,
            line.commission,
            line.vat,
            currency,
            line.subject_type,
            line.subject_id,
            line.id,
        )
    yield _balance("closing_balance", statement.closing, statement.period.ends, currency)


def _balance(act, amount, moment, currency) -> tuple[object, ...]:
    return (_moment(moment), act, "", "", "", "", "", to_text(amount), amount, "", "", "", currency, "", "", "")


def _moment(moment) -> str:
    return moment.astimezone(clock.BUSINESS_ZONE).isoformat(timespec="microseconds")
