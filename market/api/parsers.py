"""JSON from strangers: bounded, strict, and free of text that PostgreSQL or UTF-8 cannot hold."""

import json
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from market.api.errors import BodyTooLarge


class StrictJSONParser(BaseParser):
    """Parses ``application/json`` (RFC 8259), refusing what the exchange could not store or read back the same.

    Refused: more than ``API_MAX_JSON_BYTES`` bytes (413); invalid UTF-8 or JSON, ``NaN`` and ``Infinity``, a name
    twice in one object, NUL or a lone surrogate in a text, nesting too deep (400).
    """

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.API_MAX_JSON_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(_("Send at most %(limit)d bytes of JSON.") % {"limit": limit}, limit=limit)
        try:
            text = body.decode("utf-8")
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object_without_repeats)
            _refuse_unstorable_text(value)
        except UnicodeError as error:
            raise ParseError(_("The body is not valid UTF-8.")) from error
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON: %(reason)s") % {"reason": error}) from error
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names the same member twice")
    return value


def _refuse_unstorable_text(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text contains the character NUL")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text contains a lone surrogate")
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable_text(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _refuse_unstorable_text(name)
            _refuse_unstorable_text(item)
