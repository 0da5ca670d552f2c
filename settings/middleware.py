"""What is done to every HTTP exchange of the whole deployment."""

import dataclasses
import uuid
from types import ModuleType
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request
from django_structlog.middlewares import RequestMiddleware
from structlog.contextvars import bound_contextvars, get_contextvars

from settings.urls import lanes

log = structlog.get_logger(__name__)


class RequestLog(RequestMiddleware):
    """django-structlog's request log, without the query string (it may hold a signed link); the id is sent back."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        request_id = get_contextvars().get("request_id")
        if request_id:
            response["X-Request-ID"] = request_id
        super().handle_response(request, response)


class ContentSecurityPolicy:
    """Pages take everything from this host; nothing may frame them. Alpine.js, which the admin is built on, evaluates
    expressions written in attributes, hence the two `unsafe` words: what still holds is no foreign script, no data sent
    away, no foreign frame."""

    POLICY = "; ".join(
        [
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.POLICY)
        return response


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """A request on the express lane, and what the lane's ``prepare`` has made of it: that has the ``rows`` to insert
    where ``given`` holds, and the answer after that (``conclude``)."""

    request: HttpRequest
    request_id: str
    prepared: Any


class ExpressLane:
    """Lets a lane answer, with the headers and the line in the log that the other middlewares would have added.

    Where the lane has no answer the request goes the ordinary way, as if it had never been here.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.security = SecurityMiddleware(get_response)
        self.framing = XFrameOptionsMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        lane = self._lane_of(request)
        if lane is None:
            return self.get_response(request)
        request_id = str(uuid.uuid4())
        with bound_contextvars(request_id=request_id):
            try:
                response = lane.answer(request)
            except Exception as error:  # as Django answers what no view foresaw, with the id that the log has
                response = response_for_exception(request, error)
                log.error("request_failed", code=response.status_code, request=f"{request.method} {request.path}")
            else:
                if response is not None:
                    self._log(request, response)
        if response is None:
            return self.get_response(request)
        return self._dressed(request, response, request_id)

    def prepare(self, request: HttpRequest) -> Exchange | None:
        """For a server that has many requests at once: what this one needs to have inserted before it is answered.

        None when that is not so plain; nothing has changed then.
        """
        lane = self._lane_of(request)
        if lane is None:
            return None
        request_id = str(uuid.uuid4())
        with bound_contextvars(request_id=request_id):
            prepared = lane.prepare(request)
        return None if prepared is None else Exchange(request, request_id, prepared)

    def conclude(self, exchange: Exchange) -> HttpResponse:
        """The answer, after what the exchange needs has been inserted."""
        with bound_contextvars(request_id=exchange.request_id):
            response = exchange.prepared.conclude()
            self._log(exchange.request, response)
        return self._dressed(exchange.request, response, exchange.request_id)

    def _lane_of(self, request: HttpRequest) -> ModuleType | None:
        lane = lanes.get((request.method, request.path_info))
        return lane if lane is not None and self.may_enter(request) else None

    @staticmethod
    def _log(request: HttpRequest, response: HttpResponse) -> None:
        log.info("request_finished", code=response.status_code, request=f"{request.method} {request.path}")

    @staticmethod
    def may_enter(request: HttpRequest) -> bool:
        """Only a request that would be neither redirected to TLS nor refused for its host."""
        try:
            request.get_host()
        except DisallowedHost:
            return False
        return not settings.SECURE_SSL_REDIRECT or request.is_secure()

    def _dressed(self, request: HttpRequest, response: HttpResponse, request_id: str) -> HttpResponse:
        """The response with the headers of every response."""
        response["X-Request-ID"] = request_id
        response["Content-Length"] = str(len(response.content))
        response["Content-Language"] = (
            get_language_from_request(request) if "HTTP_ACCEPT_LANGUAGE" in request.META else settings.LANGUAGE_CODE
        )
        patch_vary_headers(response, ["Accept-Language"])
        response = self.framing.process_response(request, response)
        response["Content-Security-Policy"] = ContentSecurityPolicy.POLICY
        return self.security.process_response(request, response)
