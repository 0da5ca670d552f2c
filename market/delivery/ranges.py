"""The ``Range`` header (RFC 9110, section 14): pure, without I/O."""

import dataclasses
import re

from market.delivery.errors import RangeNotSatisfiable

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_DIGITS = 18
"""A position of more digits is larger than any file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """``length`` bytes from ``start`` on."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """The ``Content-Range`` of this span of a file of ``size`` bytes."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def requested_span(header: str, size: int) -> Span | None:
    """The span of a file of ``size`` bytes that ``header`` asks for; None means the whole file, as if it had not come.

    A server may ignore the header, and this one does whenever that is the safe reading: another unit, a malformed or
    reversed range, several ranges (they would need a multipart reply, which downloaders of one file do not ask for),
    or an empty file. Raises ``RangeNotSatisfiable`` when the one range has no byte in the file.
    """
    unit, equals, ranges = header.partition("=")
    if not equals or unit.strip().lower() != "bytes" or size == 0:
        return None
    specs = [spec for spec in (part.strip(" \t") for part in ranges.split(",")) if spec]
    match = _SPEC.fullmatch(specs[0]) if len(specs) == 1 else None
    if match is None or match[0] == "-":
        return None
    first, last = _position(match[1]), _position(match[2])
    if first is None:
        first, last = max(0, size - last), size - 1
    elif last is None:
        last = size - 1
    elif last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiable(bytes=size)
    return Span(first, min(last, size - 1) - first + 1)


def _position(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0")
    return 10**_DIGITS if len(significant) > _DIGITS else int(significant or "0")
