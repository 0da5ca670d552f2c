"""A contract as a web page and as a PDF: the same words in two forms."""

import base64
import dataclasses
import datetime
import functools
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pylopdf_fonts_zh_cn
import typst
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

LANGUAGES = ("en", "zh-hans")
CONTENT_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "contract.css").read_text(encoding="utf-8")
_LAYOUT = (_FOLDER / "contract.typ").read_bytes()
_FONTS = (pylopdf_fonts_zh_cn.serif_path(), pylopdf_fonts_zh_cn.sans_path())

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
    compiler = typst.Compiler(_LAYOUT, font_paths=_fonts(), ignore_system_fonts=True)
    return compiler.compile(
        format="pdf",
        sys_inputs={"contract": _drawable(json.dumps(words, ensure_ascii=False)), "terms": contract.document},
        pdf_standards=["a-3a", "ua-1"],
        timestamp=contract.frozen_at.astimezone(datetime.UTC).replace(microsecond=0),
    )


@functools.cache
def _fonts() -> typst.Fonts:
    """Our two fonts and no other, so that each machine makes the same file."""
    folders = sorted({str(path.parent) for path in _FONTS})
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)


def _drawable(text: str) -> str:
    letters = _letters()
    return "".join(
        letter if letter in "\n\t" or ord(letter) in letters else f"[U+{ord(letter):04X}]" for letter in text
    )


@functools.cache
def _letters() -> frozenset[int]:
    """The code points that every font has, out of their character maps (OpenType ``cmap``, format 12)."""
    return frozenset.intersection(*(frozenset(_mapped(path.read_bytes())) for path in _FONTS))


def _mapped(font: bytes) -> Iterator[int]:
    (number,) = struct.unpack_from(">H", font, 4)
    tables = (struct.unpack_from(">4sIII", font, 12 + 16 * index) for index in range(number))
    start = next(offset for tag, _checksum, offset, _length in tables if tag == b"cmap")
    (number,) = struct.unpack_from(">H", font, start + 2)
    records = (struct.unpack_from(">HHI", font, start + 4 + 8 * index) for index in range(number))
    table = start + next(offset for platform, encoding, offset in records if (platform, encoding) == (3, 10))
    (groups,) = struct.unpack_from(">I", font, table + 12)
    for index in range(groups):
        first, last, _glyph = struct.unpack_from(">III", font, table + 16 + 12 * index)
        yield from range(first, last + 1)
