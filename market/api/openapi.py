"""The OpenAPI description, and pieces of it that every room needs."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from market.api.problems import CONTENT_TYPE
from market.api.serializers import ProblemSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="A fresh random value, such as a UUID, for each new request, and the same one when you repeat it: "
    "the act happens once and the first answer is replayed with `Idempotency-Replayed: true`. "
    "1 to 255 printable ASCII characters. A refused request does not use up its key.",
)

_MEANINGS = {
    400: "The request is malformed, or a required header is missing.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The role or the token's scopes do not allow this.",
    404: "Nothing of that key is visible to you.",
    409: "Not possible in the current state.",
    413: "The body is too large.",
    422: "Some values are not valid; `errors` names them by JSON pointer.",
}


class Description(SchemaGenerator):
    """The description as it is served: made once a language, for that takes a second and anybody may ask."""

    _made: ClassVar[dict[str, dict[str, Any]]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        language = get_language()
        if request is None or not public or language not in dict(settings.LANGUAGES):
            return super().get_schema(request, public)
        if language not in self._made:
            self.api_version = None  # there is one, whatever ``?version=`` says
            self._made[language] = super().get_schema(request, public)
        return self._made[language]


def problems(*statuses: int, **meanings: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Problem responses for ``extend_schema(responses=...)``; 401 and 403 are always among them.

    ``meanings`` overrides a text: ``problems(409, s409="The product is not for sale.")``.
    """
    texts = _MEANINGS | {int(name.removeprefix("s")): text for name, text in meanings.items()}
    return {
        (status, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, texts[status])
        for status in sorted({401, 403, *statuses})
    }
