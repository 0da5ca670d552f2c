"""Entitlements over HTTP: what may be downloaded, links to do it with, and receipts of what was sent."""

import uuid

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import NoFilters, filters_of
from market.api.openapi import problems
from market.delivery import selectors, services
from market.delivery.api import serializers

TAGS = ["delivery"]
READ = (Scope.DELIVERY_READ, Scope.ORDERS_READ)
"""A buyer's downloader needs only the first; vendors and auditors see what was delivered by the second."""

_ASSET = {
    "path": "2026/贵阳.csv",
    "bytes": 48213004,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
_ENTITLEMENT = {
    "id": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
    "standing": "active",
    "order": {"id": "019b0a54-0000-7d3a-8f57-2b9d3c1e7a10", "number": "QS20261123-B2K7QXWJNA"},
    "buyer": {"id": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
    "vendor": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
    "product": {"id": "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10", "code": "weather-hourly", "title": "气象观测"},
    "revision": {"id": "019b0a54-4444-7d3a-8f57-2b9d3c1e7a10", "number": 3},
    "valid_from": "2026-11-23T02:31:04Z",
    "valid_until": None,
    "revoked_at": None,
    "revocation_reason": "",
}
DETAIL_EXAMPLE = OpenApiExample(
    "entitlement",
    response_only=True,
    value=_ENTITLEMENT
    | {
        "covered_revisions": [
            {
                "id": "019b0a54-4444-7d3a-8f57-2b9d3c1e7a10",
                "number": 3,
                "published_at": "2026-11-20T08:00:00Z",
            }
        ],
        "assets": [
            {"id": "019b0a54-6666-7d3a-8f57-2b9d3c1e7a10", "media_type": "text/csv", "bytes_sent": 48213004} | _ASSET
        ],
    },
)
LINKS_EXAMPLE = OpenApiExample(
    "links",
    response_only=True,
    value={
        "expires_at": "2026-11-23T02:46:04Z",
        "links": [
            {
                "asset": "019b0a54-6666-7d3a-8f57-2b9d3c1e7a10",
                "url": "https://exchange.example/api/v1/downloads/WyIwMTli…:kx7Zb0…",
            }
            | _ASSET
        ],
    },
)
RECEIPT_EXAMPLE = OpenApiExample(
    "broken off",
    response_only=True,
    value={
        "id": "019b0a54-7777-7d3a-8f57-2b9d3c1e7a10",
        "asset": "019b0a54-6666-7d3a-8f57-2b9d3c1e7a10",
        "path": _ASSET["path"],
        "range_start": 0,
        "bytes_requested": 48213004,
        "bytes_sent": 12582912,
        "started_at": "2026-11-23T02:32:00Z",
        "finished_at": "2026-11-23T02:32:03Z",
    },
)


class Entitlements(GenericAPIView):
    """The entitlements you may see."""

    scopes = {"GET": READ}
    serializer_class = serializers.EntitlementSerializer

    @extend_schema(
        operation_id="entitlements_list",
        summary="List entitlements",
        description="What a buyer may download, what a vendor has delivered, or everything for auditors; newest first. "
        "An order has one from the moment it is delivered.",
        tags=TAGS,
        parameters=[serializers.EntitlementFilters],
        responses={200: serializers.EntitlementSerializer(many=True), **problems(400, 422)},
        examples=[OpenApiExample("entitlement", response_only=True, value=_ENTITLEMENT)],
    )
    def get(self, request: Request) -> Response:
        """A page of entitlements."""
        filters = filters_of(request, serializers.EntitlementFilters)
        page = self.paginate_queryset(selectors.entitlements_visible_to(request.auth.actor).filter(**filters))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class EntitlementDetail(APIView):
    """One entitlement."""

    scopes = {"GET": READ}

    @extend_schema(
        operation_id="entitlements_retrieve",
        summary="Look at an entitlement",
        description="With the revisions it covers, and of the newest or the one asked for the files, their size and "
        "SHA-256, and how many bytes of each have been sent so far.",
        tags=TAGS,
        parameters=[serializers.DetailQuery],
        responses={200: serializers.EntitlementDetailSerializer, **problems(400, 404, 422)},
        examples=[DETAIL_EXAMPLE],
    )
    def get(self, request: Request, entitlement_id: uuid.UUID) -> Response:
        """One entitlement with its files."""
        query = filters_of(request, serializers.DetailQuery)
        entitlement = selectors.entitlement_detail(request.auth.actor, entitlement_id, query.get("revision"))
        return Response(serializers.EntitlementDetailSerializer(entitlement).data)


class EntitlementLinks(APIView):
    """Links to download with."""

    scopes = {"POST": Scope.DELIVERY_READ}

    @extend_schema(
        operation_id="entitlements_links",
        summary="Ask for download links",
        description="A signed link for each file of the newest revision the entitlement covers, of the `revision` "
        "named, or for the files named in `assets`; only the buyer may ask. A link needs "
        "no token, so keep it as safe as one; it lasts `DOWNLOAD_LINK_SECONDS` (15 minutes unless set otherwise). "
        "Ask again whenever you need to: a download that broke off goes on under a new link.",
        tags=TAGS,
        request=serializers.LinksRequestSerializer,
        responses={
            200: serializers.LinksSerializer,
            **problems(400, 404, 422, s403="You are not the buyer, or the entitlement was revoked or has ended."),
        },
        examples=[
            OpenApiExample("all files", request_only=True, value={}),
            OpenApiExample("one file", request_only=True, value={"assets": ["019b0a54-6666-7d3a-8f57-2b9d3c1e7a10"]}),
            LINKS_EXAMPLE,
        ],
    )
    def post(self, request: Request, entitlement_id: uuid.UUID) -> Response:
        """Sign the links."""
        wanted = serializers.LinksRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        issued = services.issue_links(
            actor=request.auth.actor,
            entitlement_id=entitlement_id,
            asset_ids=wanted.validated_data.get("assets"),
            revision=wanted.validated_data.get("revision"),
        )
        body = {
            "expires_at": issued.expires_at,
            "links": [
                {
                    "asset": asset.id,
                    "path": asset.path,
                    "bytes": asset.bytes,
                    "sha256": asset.sha256,
                    "url": request.build_absolute_uri(reverse("download", args=[token])),
                }
                for asset, token in issued.tokens
            ],
        }
        return Response(serializers.LinksSerializer(body).data, headers={"Cache-Control": "no-store"})


class Receipts(GenericAPIView):
    """What was sent under one entitlement."""

    scopes = {"GET": READ}
    serializer_class = serializers.ReceiptSerializer

    @extend_schema(
        operation_id="entitlements_receipts",
        summary="List receipts",
        description="One for each download, however it ended: which bytes of which file were sent, and when. Buyers "
        "see their own, vendors those of their sales, auditors all; newest first.",
        tags=TAGS,
        responses={200: serializers.ReceiptSerializer(many=True), **problems(404, 422)},
        examples=[RECEIPT_EXAMPLE],
    )
    def get(self, request: Request, entitlement_id: uuid.UUID) -> Response:
        """A page of receipts."""
        filters_of(request, NoFilters)
        page = self.paginate_queryset(selectors.receipts_of(request.auth.actor, entitlement_id))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
