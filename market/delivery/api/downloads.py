"""Downloads by signed link: whole files and single byte ranges (RFC 9110), resumable, with a receipt for each."""

import base64
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from market.api.openapi import problems
from market.catalog.models import Asset
from market.delivery import services
from market.delivery.errors import PreconditionFailed, RangeNotSatisfiable
from market.delivery.ranges import Span, requested_span

INSTANCE = "/api/v1/downloads/"
"""What a problem document names instead of the address, which holds the link."""


class Download(APIView):
    """One file, for whoever holds a link to it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="downloads_get",
        summary="Download a file",
        description="The link is the credential; no token is needed. Single byte ranges are honoured, so that a "
        "download can be resumed: send `Range` with `If-Range` set to the ETag, which is the file's SHA-256 and the "
        "same under every link. Several ranges at once are answered with the whole file.",
        tags=["delivery"],
        auth=[],
        parameters=[
            OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="bytes=1000-"),
            OpenApiParameter("If-Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag, in quotes."),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The whole file."),
            (206, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The range asked for."),
            **problems(
                s403="The link was altered, or the entitlement was revoked or has ended.",
                s410="The link has expired: ask for a new one.",
                s412="`If-Match` names another content.",
                s416="The range lies outside the file, which has `bytes` bytes.",
                s503="The file cannot be read at the moment.",
            ),
        },
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """Send the file or the range, and write the receipt when that ends."""
        entitlement, asset = services.downloadable(token)
        headers = _headers(asset)
        unmodified = _precondition(request, headers)
        if unmodified is not None:
            return unmodified
        span = _span(request, asset)
        whole = Span(0, asset.bytes)
        sending = services.start_sending(entitlement, asset, span or whole)
        if span is None:
            headers |= {"Content-Length": str(asset.bytes)}
            return StreamingHttpResponse(sending, headers=headers)
        headers |= {"Content-Length": str(span.length), "Content-Range": span.content_range(asset.bytes)}
        return StreamingHttpResponse(sending, status=status.HTTP_206_PARTIAL_CONTENT, headers=headers)

    @extend_schema(exclude=True)
    def head(self, request: Request, token: str) -> HttpResponseBase:
        """What a GET of the whole file would say (a range is defined for GET only); nothing is sent, no receipt."""
        _entitlement, asset = services.downloadable(token)
        headers = _headers(asset)
        unmodified = _precondition(request, headers)
        return unmodified or HttpResponse(headers=headers | {"Content-Length": str(asset.bytes)})

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """A file has one form: whatever ``Accept`` says, it is this or a problem document."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def handle_exception(self, error: Exception) -> Response:
        response = super().handle_exception(error)
        response.data["instance"] = INSTANCE
        response["Cache-Control"] = "no-store"
        if isinstance(error, RangeNotSatisfiable):
            response["Content-Range"] = f"bytes */{error.extra['bytes']}"
        return response


def _headers(asset: Asset) -> dict[str, str]:
    name = "".join(letter for letter in asset.path.rpartition("/")[2] if letter.isprintable()) or "download"
    digest = base64.b64encode(bytes.fromhex(asset.sha256)).decode()
    return {
        "Content-Type": asset.media_type,
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
        "Accept-Ranges": "bytes",
        "ETag": f'"{asset.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "private, no-store",
        # The content is the vendor's: a browser must neither guess its type nor run it as a page of ours.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _precondition(request: Request, headers: dict[str, Any]) -> HttpResponseBase | None:
    """304 when the client has this very content (``If-None-Match``). Raises ``PreconditionFailed`` (``If-Match``)."""
    would_be = HttpResponse(headers=headers)
    response = get_conditional_response(request._request, etag=headers["ETag"], response=would_be)
    if response is would_be:
        return None
    if response.status_code == status.HTTP_412_PRECONDITION_FAILED:
        raise PreconditionFailed
    return response


def _span(request: Request, asset: Asset) -> Span | None:
    """The range to send, or None for the whole file: no range, or ``If-Range`` names another content (a date too:
    only a strong ETag proves that the bytes are the same)."""
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != f'"{asset.sha256}"':
        return None
    return requested_span(request.headers.get("Range", ""), asset.bytes)
