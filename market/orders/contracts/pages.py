"""A contract as a web page and as a PDF: the same words in two forms."""

import base64
import dataclasses
import datetime
import hashlib
from pathlib import Path

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from market.kernel.paper import typeset, written

LANGUAGES = ("en", "zh-hans")
CONTENT_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "contract.css").read_text(encoding="utf-8")
_LAYOUT = (_FOLDER / "contract.typ").read_bytes()

POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads nothing, runs nothing, and its one style sheet is this very one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; columns from the one with index ``numbers_from`` on hold numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers_from: int = 99


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """A clause: facts (name and value), then a table, then sentences."""

    heading: str
    facts: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    paragraphs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """Everything a reader sees, and the frozen JSON ``document`` it was made from."""

    title: str
    number: str
    version: str
    sections: tuple[Section, ...]
    language: str
    sha256: str
    frozen_at: datetime.datetime
    document: str


def as_html(contract: Contract) -> str:
    """A page that stands by itself: no script, no picture, nothing from elsewhere. Serve it with ``POLICY``."""
    # The style sheet is ours, and its hash in the policy is that of these very bytes.
    context = {"contract": contract, "style": mark_safe(_STYLE)}
    return render_to_string("orders/contract.html", context)


def as_pdf(contract: Contract) -> bytes:
    """PDF/A-3a and PDF/UA-1: fonts embedded, text that can be searched and read aloud, the JSON document attached.

    The same contract gives the same bytes. A letter that the fonts lack is written as ``[U+1F600]``.
    """
    words = {
        "title": contract.title,
        "number": contract.number,
        "version": contract.version,
        "chinese": contract.language == "zh-hans",
        "sha256": contract.sha256,
        "sections": [dataclasses.asdict(section) for section in contract.sections],
    }
    return typeset(_LAYOUT, {"contract": written(words), "terms": contract.document}, made_at=contract.frozen_at)
