"""Files of documents as HTTP answers, for the API and the workspaces alike."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _

from market.documents.errors import StatementTooLong
from market.documents.models import TaxDocument
from market.documents.periods import Period
from market.documents.selectors.statements import Line, Statement, every_line, statement
from market.documents.services import open_document
from market.documents.services.issuing import ENDINGS
from market.documents.writers import FORMS
from market.kernel.database import one_moment
from market.ledger.models import Account


def statement_response(
    request: HttpRequest, account: Account, period: Period, form: str, language: str
) -> HttpResponse:
    """The statement of ``account`` as a file of ``form`` (a key of ``FORMS``) in ``language``; 304 for whoever has it.

    Raises as ``statement_file``.
    """
    file = statement_file(account, period, form, language)
    headers = {
        "ETag": f'"{hashlib.file_digest(file, "sha256").hexdigest()}"',
        "Content-Language": language,
        "Cache-Control": "private, no-cache",
    }
    if unchanged := get_conditional_response(request, etag=headers["ETag"]):
        file.close()
        unchanged["ETag"] = headers["ETag"]
        return unchanged
    headers["Content-Length"] = str(file.tell())
    file.seek(0)
    name = f"{account.kind}-{period.first:%Y%m%d}-{period.last:%Y%m%d}.{form}"
    content_type = FORMS[form].content_type
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type, headers=headers)


def statement_file(account: Account, period: Period, form: str, language: str) -> BinaryIO:
    """The file, on disk, whole and checked, at its beginning. It goes away when it is closed.

    All of it is read at one moment of the ledger. Raises ``StatementTooLong``; ``StatementDoesNotAddUp`` rather than
    hand out figures that do not come to the closing balance.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    try:
        with one_moment(), translation.override(language):
            made = statement(account, period)
            limit = FORMS[form].limit
            if made.lines > limit:
                text = _("It has %(lines)d lines and such a file takes %(limit)d: ask for fewer days, or for CSV.")
                raise StatementTooLong(text % {"lines": made.lines, "limit": limit}, lines=made.lines, limit=limit)
            FORMS[form].write(made, _checked(made, every_line(made)), file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _checked(made: Statement, lines: Iterable[Line]) -> Iterator[Line]:
    balance = made.opening
    for line in lines:
        balance = line.balance
        yield line
    made.require_adding_up(balance)


def document_response(request: HttpRequest, document: TaxDocument) -> HttpResponse:
    """The file of an issued invoice, streamed; 304 for whoever has it. Raises ``InvoiceFileMissing``."""
    tag = f'"{document.sha256}"'
    if unchanged := get_conditional_response(request, etag=tag):
        unchanged["ETag"] = tag
        return unchanged
    name = f"{document.code}{document.number}.{ENDINGS[document.media_type]}"
    headers = {"ETag": tag, "Content-Length": str(document.bytes), "Cache-Control": "private, no-cache"}
    return FileResponse(
        open_document(document=document),
        as_attachment=True,
        filename=name,
        content_type=document.media_type,
        headers=headers,
    )
