"""The OpenAPI description, and pieces of it that every room needs."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
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
    415: "The body is of a media type that is not taken here.",
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


class Operation(AutoSchema):
    """One operation as its view describes it, with what holds for all of its kind."""

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        """Whatever has a body may be refused before a view sees it."""
        bodies = super()._get_response_bodies(direction)
        if self.method in ("POST", "PUT"):
            for (status, media_type), response in problems(400, 413, 415).items():
                if str(status) not in bodies:
                    bodies[str(status)] = self._get_response_for_code(response, str(status), [media_type], direction)
        return dict(sorted(bodies.items()))

    def _is_list_view(self, serializer: Any = None) -> bool:
        """By the first success alone: among its keys the framework takes ``(400, media type)`` to come before 200."""
        found = self.get_response_serializers() if serializer is None else serializer
        if isinstance(found, dict):
            found = next((one for status, one in found.items() if isinstance(status, int)), None)
        return super()._is_list_view(found)


def problems(*statuses: int, **meanings: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Problem responses for ``extend_schema(responses=...)``; 401 and 403 are always among them.

    ``meanings`` adds a status in words of its own: ``problems(404, s409="The product is not for sale.")``.
    """
    own = {int(name.removeprefix("s")): text for name, text in meanings.items()}
    texts = _MEANINGS | own
    return {
        (status, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, texts[status])
        for status in sorted({401, 403, *statuses, *own})
    }
