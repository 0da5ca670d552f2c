"""Pieces of the OpenAPI description that every room needs."""

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


def problems(*statuses: int, **meanings: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Problem responses for ``extend_schema(responses=...)``; 401 and 403 are always among them.

    ``meanings`` overrides a text: ``problems(409, s409="The product is not for sale.")``.
    """
    texts = _MEANINGS | {int(name.removeprefix("s")): text for name, text in meanings.items()}
    return {
        (status, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, texts[status])
        for status in sorted({401, 403, *statuses})
    }
