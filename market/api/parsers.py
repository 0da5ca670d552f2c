"""JSON from strangers: bounded, strict, and free of text that PostgreSQL or UTF-8 cannot hold."""

import json
import math
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from market.api.errors import BodyTooLarge

MAX_DEPTH = 64
"""Levels of nesting: far more than any request has, far fewer than Python's recursion can take."""


class StrictJSONParser(BaseParser):
    """Parses ``application/json`` (RFC 8259), refusing what the exchange could not store or read back the same.

    Refused: more than ``API_MAX_JSON_BYTES`` bytes (413); invalid UTF-8 or JSON, ``NaN``, ``Infinity`` and numbers
    that overflow to it, a name twice in one object, NUL or a lone surrogate in a text, nesting too deep (400).
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.API_MAX_JSON_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(_("Send at most %(limit)d bytes of JSON.") % {"limit": limit}, limit=limit)
        try:
            return parse_json(body)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except UnicodeError as error:
            raise ParseError(_("The body is not valid UTF-8.")) from error
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON: %(reason)s") % {"reason": error}) from error


def parse_json(body: bytes) -> Any:
    """The value of a JSON text. Raises ``UnicodeError``, ``ValueError``, or ``RecursionError`` for what is refused."""
    text = body.decode("utf-8")
    value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object_without_repeats)
    _refuse_unstorable(value, MAX_DEPTH)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names the same member twice")
    return value


def _refuse_unstorable(value: Any, depth: int) -> None:
    if depth == 0:
        raise RecursionError
    if isinstance(value, str):
        _refuse_unstorable_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large")
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item, depth - 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            _refuse_unstorable_text(name)
            _refuse_unstorable(item, depth - 1)


def _refuse_unstorable_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("a text contains the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text contains a lone surrogate") from None
