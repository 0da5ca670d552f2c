"""Reports and evidence over HTTP, for auditors and operators."""

import uuid

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import ReplyRecorder, respond_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.audit import selectors as evidence
from market.reports import selectors, services
from market.reports.api.serializers import (
    EventFilters,
    EventSerializer,
    ReportFilters,
    ReportRequestSerializer,
    ReportSerializer,
)
from market.reports.downloads import file_response

TAGS = ["reports"]
REPORT = {
    "id": "019b0a60-9c1e-7d3a-8f57-2b9d3c1e7a10",
    "exporter": "transactions",
    "parameters": {"date_from": "2026-11-01", "date_until": "2026-11-30", "for_spreadsheet": False},
    "state": "done",
    "percent": 100,
    "rows_done": 2,
    "rows_total": 2,
    "totals": {"rows": 2, "amount_fen": 256000, "net_fen": 227840, "commission_fen": 12800, "vat_fen": 15360},
    "snapshot_at": "2026-12-01T01:00:00.120000Z",
    "bytes": 1604,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "failure_reason": "",
    "created_at": "2026-12-01T01:00:00Z",
    "finished_at": "2026-12-01T01:00:00.350000Z",
    "file": "/api/v1/reports/019b0a60-9c1e-7d3a-8f57-2b9d3c1e7a10/file",
}
QUEUED = REPORT | {
    "state": "queued",
    "percent": 0,
    "rows_done": 0,
    "rows_total": None,
    "totals": {},
    "snapshot_at": None,
    "bytes": None,
    "sha256": "",
    "finished_at": None,
    "file": None,
}
WANTED = {"exporter": "transactions", "parameters": {"date_from": "2026-11-01", "date_until": "2026-11-30"}}


class ReportsView(GenericAPIView):
    """Reports of the caller's organisation, and asking for one."""

    scopes = {"GET": Scope.REPORTS_READ, "POST": Scope.REPORTS_WRITE}
    serializer_class = ReportSerializer

    @extend_schema(
        operation_id="reports_list",
        summary="List reports",
        description="Those that your organisation has asked for, newest first.",
        tags=TAGS,
        parameters=[ReportFilters],
        responses={200: ReportSerializer(many=True), **problems(422)},
        examples=[OpenApiExample("A finished report", REPORT, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        reports = selectors.reports_visible_to(request.auth.actor).filter(**filters_of(request, ReportFilters))
        return self.get_paginated_response(ReportSerializer(self.paginate_queryset(reports), many=True).data)

    @extend_schema(
        operation_id="reports_request",
        summary="Ask for a report",
        description="The file is written in the background, in one snapshot of the database. Look at the report until "
        "its `state` is `done` or `failed`; `percent` tells how far it is.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=ReportRequestSerializer,
        responses={
            202: ReportSerializer,
            **problems(
                400, 413, 422, s409="As many reports as allowed (`limit`) are being written, or the key is in use."
            ),
        },
        examples=[
            OpenApiExample("Orders of a month", WANTED, request_only=True),
            OpenApiExample("Queued", QUEUED, response_only=True, status_codes=["202"]),
        ],
    )
    def post(self, request: Request) -> Response:
        wanted = ReportRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        actor = request.auth.actor

        def ask(recorder: ReplyRecorder) -> None:
            services.request_report(
                actor=actor,
                exporter=wanted.validated_data["exporter"],
                parameters=wanted.validated_data.get("parameters", {}),
                also_insert=lambda report: recorder.row(status.HTTP_202_ACCEPTED, ReportSerializer(report).data),
            )

        return respond_once(request, operation="reports.request", organization_id=actor.organization_id, act=ask)


class ReportView(APIView):
    """One report."""

    scopes = {"GET": Scope.REPORTS_READ}

    @extend_schema(
        operation_id="reports_retrieve",
        summary="Look at a report",
        tags=TAGS,
        responses={200: ReportSerializer, **problems(404)},
        examples=[OpenApiExample("A finished report", REPORT, response_only=True)],
    )
    def get(self, request: Request, report_id: uuid.UUID) -> Response:
        return Response(ReportSerializer(selectors.report(request.auth.actor, report_id)).data)


class ReportFileView(APIView):
    """The file of a finished report."""

    scopes = {"GET": Scope.REPORTS_READ}

    @extend_schema(
        operation_id="reports_file",
        summary="Download a report",
        description="CSV in UTF-8. `ETag` is the SHA-256 of the whole file. Text cells that a spreadsheet would take "
        "for a formula begin with an apostrophe, as do those that began with one: take one away to read the original.",
        tags=TAGS,
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            304: None,
            **problems(404, s409="The report is not ready; carries its `state`."),
        },
    )
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        return file_response(request._request, selectors.report(request.auth.actor, report_id))


class EventsView(GenericAPIView):
    """The evidence."""

    scopes = {"GET": Scope.REPORTS_READ}
    serializer_class = EventSerializer

    @extend_schema(
        operation_id="events_list",
        summary="List audit events",
        description="Every act on the exchange, newest first, by its name or by what it was about.",
        tags=TAGS,
        parameters=[EventFilters],
        responses={200: EventSerializer(many=True), **problems(422)},
    )
    def get(self, request: Request) -> Response:
        selectors.require_supervisor(request.auth.actor)
        page = self.paginate_queryset(evidence.events(**filters_of(request, EventFilters)))
        return self.get_paginated_response(EventSerializer(page, many=True).data)
