"""A statement as a file, in the forms that bookkeepers ask for."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import BinaryIO

from market.documents.selectors.statements import Line, Statement
from market.documents.writers import csv_file, pdf_file, xlsx_file


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """How one kind of file is written, and how many lines it takes at most."""

    write: Callable[[Statement, Iterable[Line], BinaryIO], None]
    content_type: str
    limit: int


FORMS = {
    "csv": Form(csv_file.write, "text/csv; charset=utf-8", 500_000),
    "xlsx": Form(xlsx_file.write, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 200_000),
    # The typesetter holds the whole document: 80 KB a line.
    "pdf": Form(pdf_file.write, "application/pdf", 1_000),
}
