"""A statement as a workbook. Rows leave memory as they are written; every text is a text, never a formula."""

from collections.abc import Iterable
from decimal import Decimal
from typing import BinaryIO

import xlsxwriter
from django.utils.translation import gettext as _

from market.documents.selectors.statements import Line, Statement
from market.documents.writers import words

WIDTHS = (20, 20, 26, 36, 16, 16, 18)
AS_IT_IS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def write(statement: Statement, lines: Iterable[Line], file: BinaryIO) -> None:
    """One sheet: whose and when, the heads of the columns, the opening balance, each movement, the closing balance."""
    with xlsxwriter.Workbook(file, AS_IT_IS) as book:
        bold = book.add_format({"bold": True})
        head = book.add_format({"bold": True, "bottom": 1})
        money = book.add_format({"num_format": "#,##0.00"})
        bold_money = book.add_format({"bold": True, "num_format": "#,##0.00"})
        sheet = book.add_worksheet(str(statement.period)[:31])
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width)
        row = 0
        sheet.write_string(row, 0, words.title(), bold)
        for name, value in words.facts(statement):
            row += 1
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 1, value)
        row += 2
        sheet.freeze_panes(row + 1, 0)
        for column, name in enumerate(words.header()):
            sheet.write_string(row, column, name, head)
        row += 1
        sheet.write_string(row, 1, _("Opening balance"), bold)
        sheet.write_number(row, 6, yuan(statement.opening), bold_money)
        for line in lines:
            row += 1
            for column, text in enumerate(words.cells(line)):
                sheet.write_string(row, column, text)
            sheet.write_number(row, 4 if line.change > 0 else 5, yuan(abs(line.change)), money)
            sheet.write_number(row, 6, yuan(line.balance), money)
        row += 1
        sheet.write_string(row, 1, _("Closing balance"), bold)
        sheet.write_number(row, 4, yuan(statement.credited), bold_money)
        sheet.write_number(row, 5, yuan(statement.debited), bold_money)
        sheet.write_number(row, 6, yuan(statement.closing), bold_money)


def yuan(amount: int) -> Decimal:
    """Fen as the exact decimal that is written into the file."""
    return Decimal(amount).scaleb(-2)
