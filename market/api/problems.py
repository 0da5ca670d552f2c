"""Every failure leaves as ``application/problem+json`` (RFC 9457)."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

from market.api.errors import BodyTooLarge
from market.kernel.database import is_deadlock
from market.kernel.errors import BusinessError, Contended, Forbidden, InvalidInput, NotFound

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"

TITLES = {
    "method_not_allowed": _("This method is not allowed here"),
    "unsupported_media_type": _("This media type is not accepted here"),
}
"""For failures of the framework whose own words have a gap to be filled in each time."""


def problem(error: BusinessError, instance: str) -> dict[str, Any]:
    """The problem document of a business failure: type, title, status, detail, instance, code and what it adds."""
    document: dict[str, Any] = {
        "type": f"urn:qianshu:problem:{error.code}",
        "title": str(error.title),
        "status": error.status,
        "code": error.code,
        "instance": instance,
    }
    if error.detail:
        document["detail"] = str(error.detail)
    if error.errors:
        document["errors"] = [
            {"pointer": pointer, "detail": str(detail)} for pointer, detail in sorted(error.errors.items())
        ]
    return document | error.extra


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's hook. Returns None for what nobody foresaw, so that it is logged and answered by ``server_error``."""
    request = context["request"]
    business = _as_business_error(error)
    if business is None:
        return None
    response = Response(
        problem(business, request.path), status=business.status, content_type=CONTENT_TYPE, headers=_headers(error)
    )
    # The renderer would set application/json; the media type of a problem is fixed.
    response.accepted_renderer = getattr(request, "accepted_renderer", None)
    response["Content-Type"] = CONTENT_TYPE
    return response


def _headers(error: Exception) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(math.ceil(error.wait))
    return headers


def _as_business_error(error: Exception) -> BusinessError | None:
    if isinstance(error, BusinessError):
        return error
    if isinstance(error, OperationalError) and is_deadlock(error):
        return Contended()
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return Forbidden()
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge()
    if isinstance(error, SuspiciousOperation):
        return InvalidInput(_("The request is malformed."))
    if isinstance(error, exceptions.ValidationError):
        return as_invalid_input(error)
    if isinstance(error, exceptions.APIException):
        return _plain(error)
    return None


def as_invalid_input(error: exceptions.ValidationError) -> InvalidInput:
    """What a serializer found wrong, by JSON pointer."""
    return InvalidInput(errors=dict(_pointers(error.detail)))


def _plain(error: exceptions.APIException) -> BusinessError:
    plain = BusinessError(str(error.detail))
    plain.code = error.default_code
    plain.status = error.status_code
    plain.title = TITLES.get(error.default_code, error.default_detail)
    return plain


def _pointers(detail: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Flatten DRF's nested error detail into JSON pointers (RFC 6901)."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = pointer if name == "non_field_errors" else f"{pointer}/{_escape(str(name))}"
            yield from _pointers(inner, here)
    elif isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        for index, inner in enumerate(detail):
            if inner:
                yield from _pointers(inner, f"{pointer}/{index}")
    elif isinstance(detail, list):
        yield pointer, " ".join(str(inner) for inner in detail)
    else:
        yield pointer, str(detail)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _json_problem(request: HttpRequest, code: str, status_code: int, title: Any) -> JsonResponse:
    error = BusinessError()
    error.code, error.status, error.title = code, status_code, title
    return JsonResponse(problem(error, request.path), status=status_code, content_type=CONTENT_TYPE)


def _is_for_programs(request: HttpRequest) -> bool:
    """Pages have addresses too: only under this prefix is a failure told as JSON."""
    return request.path.startswith(API_PREFIX)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler404`` for paths no route matches."""
    if not _is_for_programs(request):
        return defaults.page_not_found(request, exception)
    return _json_problem(request, "not_found", status.HTTP_404_NOT_FOUND, _("Not found"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler400``: malformed before any view saw it."""
    if not _is_for_programs(request):
        return defaults.bad_request(request, exception)
    return _json_problem(request, "bad_request", status.HTTP_400_BAD_REQUEST, _("The request is malformed"))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler403``."""
    if not _is_for_programs(request):
        return defaults.permission_denied(request, exception)
    return _json_problem(request, "forbidden", status.HTTP_403_FORBIDDEN, _("Your role does not allow this"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``: says nothing of the inside, the log has it under the request id."""
    if not _is_for_programs(request):
        return defaults.server_error(request)
    return _json_problem(request, "internal_error", status.HTTP_500_INTERNAL_SERVER_ERROR, _("Something went wrong"))
