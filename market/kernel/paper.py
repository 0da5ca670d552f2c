"""PDF with Chinese text: one typesetter and two fonts that are packages, so that each machine makes the same file."""

import datetime
import functools
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pylopdf_fonts_zh_cn
import typst

SERIF, SANS = "Noto Serif SC", "Noto Sans SC"
"""The only fonts that a layout may name."""

FONT_FILES = (pylopdf_fonts_zh_cn.serif_path(), pylopdf_fonts_zh_cn.sans_path())


def typeset(
    layout: bytes, inputs: Mapping[str, str], *, made_at: datetime.datetime, standards: Sequence[str] = ("a-3a", "ua-1")
) -> bytes:
    """The PDF of a Typst ``layout``, which reads ``inputs`` as ``sys.inputs``; PDF/A-3a and PDF/UA-1 unless told else.

    What people typed belongs into ``inputs`` (through ``written``), never into the layout, where it would be markup.
    The same arguments give the same bytes. Memory grows by about 80 KB a line of a table.
    """
    compiler = typst.Compiler(layout, font_paths=_fonts(), ignore_system_fonts=True)
    return compiler.compile(
        format="pdf",
        sys_inputs=dict(inputs),
        pdf_standards=list(standards),
        timestamp=made_at.astimezone(datetime.UTC).replace(microsecond=0),
    )


def written(document: Any) -> str:
    """``document`` as JSON for a layout; a letter that the fonts lack is written as ``[U+1F600]``."""
    letters = _letters()
    return "".join(
        letter if letter in "\n\t" or ord(letter) in letters else f"[U+{ord(letter):04X}]"
        for letter in json.dumps(document, ensure_ascii=False)
    )


@functools.cache
def _fonts() -> typst.Fonts:
    folders = sorted({str(path.parent) for path in FONT_FILES})
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)


@functools.cache
def _letters() -> frozenset[int]:
    """The code points that every font has, out of their character maps (OpenType ``cmap``, format 12)."""
    return frozenset.intersection(*(frozenset(_mapped(path.read_bytes())) for path in FONT_FILES))


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
