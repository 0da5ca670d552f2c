"""Contracts over HTTP: the frozen terms of each version, and the same in words."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.openapi import problems
from market.api.serializers import StrictSerializer
from market.orders import selectors
from market.orders.api.views import TAGS
from market.orders.contracts import LANGUAGES
from market.orders.contracts.versions import described
from market.orders.downloads import contract_response
from market.orders.states import AMENDABLE

_VERSION: dict[str, Any] = {
    "required": False,
    "min_value": 1,
    "max_value": 32_767,
    "help_text": "Of the terms, from 1; the newest when left out.",
}


class TermsQuery(StrictSerializer):
    """Which version of the terms."""

    version = serializers.IntegerField(**_VERSION)


class ContractQuery(StrictSerializer):
    """Which version of the contract, and in which language."""

    version = serializers.IntegerField(**_VERSION)
    language = serializers.ChoiceField(
        LANGUAGES, required=False, help_text="What `Accept-Language` asks for when left out."
    )


class TermsSerializer(serializers.Serializer):
    """The frozen contract: ``sha256`` is that of the UTF-8 bytes of ``document``, which is canonical JSON."""

    order = serializers.UUIDField(source="order_id")
    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    document = serializers.CharField()
    created_at = serializers.DateTimeField()


class OrderTermsView(APIView):
    """The frozen terms of one order."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="orders_terms",
        summary="Read the frozen terms",
        description="`document` is canonical JSON (RFC 8785) exactly as it was hashed: SHA-256 over its UTF-8 bytes is "
        "`sha256`, which the order and the audit event `order.placed` (or `order.amended`) carry too. "
        "`revision.manifest_sha256` in it is the SHA-256 of what `sha256sum` prints for the delivered files in byte "
        "order of their paths.",
        tags=TAGS,
        parameters=[TermsQuery],
        responses={200: TermsSerializer, **problems(404, 422)},
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """The terms as they were hashed."""
        terms = selectors.terms_of(request.auth.actor, order_id, **filters_of(request, TermsQuery))
        return Response(TermsSerializer(terms).data)


class ChangeSerializer(serializers.Serializer):
    """One thing that a version changed; ``before`` is null where nothing was agreed."""

    what = serializers.ChoiceField(list(AMENDABLE))
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField()


class VersionSerializer(serializers.Serializer):
    """One version of the terms, and what it changed in the one before."""

    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    amendment = serializers.UUIDField(allow_null=True, help_text="The proposal that became this version.")
    changes = ChangeSerializer(many=True)


class VersionsSerializer(serializers.Serializer):
    """Every version, the first first."""

    results = VersionSerializer(many=True)


class Versions(APIView):
    """All versions of one order's terms."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="orders_terms_versions",
        summary="List the versions of the terms",
        description="The first first, each with what it changed; read one by `version` in the other addresses.",
        tags=TAGS,
        responses={200: VersionsSerializer, **problems(404)},
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """Versions and changes."""
        found = selectors.versions_of(request.auth.actor, order_id)
        return Response(VersionsSerializer({"results": [described(terms) for terms in found]}).data)


class Contract(APIView):
    """The contract in words."""

    scopes = {"GET": Scope.ORDERS_READ}
    form: str

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """The address names the form: whatever ``Accept`` says, it is this or a problem document."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def respond(self, request: Request, order_id: uuid.UUID) -> HttpResponse:
        """The contract in the form of this view."""
        query = filters_of(request, ContractQuery)
        terms = selectors.terms_of(request.auth.actor, order_id, query.get("version"))
        return contract_response(request._request, terms, query.get("language") or get_language(), self.form)


def _schema(operation_id: str, summary: str, description: str, content_type: str):
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[ContractQuery],
        responses={
            (200, content_type): OpenApiResponse(OpenApiTypes.BINARY, "The contract."),
            304: None,
            **problems(404, 422),
        },
    )


class ContractPage(Contract):
    """The contract as a page."""

    form = "html"

    @_schema(
        "orders_contract_html",
        "Read the contract",
        "The frozen terms in words, in Chinese or English, as a page that stands by itself.",
        "text/html",
    )
    def get(self, request: Request, order_id: uuid.UUID) -> HttpResponse:
        """A page."""
        return self.respond(request, order_id)


class ContractFile(Contract):
    """The contract as a PDF."""

    form = "pdf"

    @_schema(
        "orders_contract_pdf",
        "Download the contract",
        "The frozen terms in words, in Chinese or English, as PDF/A-3 to keep: fonts embedded, the frozen JSON "
        "document attached as `terms.json`. The same version gives the same bytes.",
        "application/pdf",
    )
    def get(self, request: Request, order_id: uuid.UUID) -> HttpResponse:
        """A file."""
        return self.respond(request, order_id)
