"""Metered use over HTTP: vendors report it, both sides see it at once, buyers top up."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.api.problems import problem
from market.billing import selectors, services
from market.billing.api import usage_examples as examples
from market.billing.api import usage_serializers as serializers
from market.billing.entries import MAX_RECORDS
from market.billing.models import Meter, Statement, UsageRecord
from market.billing.services.usage import Outcome
from market.kernel.actors import Actor
from market.kernel.errors import InvalidInput

TAGS = ["usage"]


def rendered(meter: Meter, actor: Actor) -> dict[str, Any]:
    """The meter as its reader sees it; no query."""
    return serializers.MeterSerializer(meter, context={"actor": actor}).data


def _outcome(outcome: Outcome, index: int, address: str) -> dict[str, Any]:
    """One record's outcome; what is wrong with it is pointed to in the whole body."""
    document = None
    if outcome.problem is not None:
        document = problem(outcome.problem, address)
        for fault in document.get("errors", ()):
            fault["pointer"] = f"/records/{index}{fault['pointer']}"
    return {"id": outcome.record_id, "result": outcome.result, "drawn": outcome.drawn, "problem": document}


def _records_of(body: Any) -> list[Any]:
    """The records of a report; each is looked at by itself later. Raises ``InvalidInput``."""
    faults = {}
    if not isinstance(body, dict) or "records" not in body:
        faults["/records"] = _("Send the records as a list.")
    else:
        faults = {f"/{name}": _("This member is not known here.") for name in body if name != "records"}
        records = body["records"]
        if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
            faults["/records"] = _("A list of 1 to %(most)d records.") % {"most": MAX_RECORDS}
    if faults:
        raise InvalidInput(errors=faults)
    return records


class Usage(APIView):
    """Use under one order."""

    scopes = {"GET": Scope.ORDERS_READ, "POST": Scope.USAGE_WRITE}

    @extend_schema(
        operation_id="usage_read",
        summary="Look at metered use",
        description="What has been used and drawn up to this moment: the open month and how its cost comes about, the "
        "closed months, and every day of a span, also as `series` for a chart.",
        tags=TAGS,
        parameters=[serializers.UsageQuery],
        responses={200: serializers.UsageSerializer, **problems(404, 422, s409="The order is not metered.")},
        examples=[examples.USAGE],
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """Where it stands, by month and by day."""
        actor = request.auth.actor
        wanted = filters_of(request, serializers.UsageQuery)
        meter = selectors.meter_of(actor, order_id)
        days = selectors.days_of(meter, wanted["used_from"], wanted["used_until"])
        calculation = selectors.open_month(meter)
        months = [
            {"month": closed.month, "units": closed.units, "amount": closed.amount, "statement": closed.id}
            for closed in selectors.statements_of(meter)
        ]
        if meter.closes_at is not None:
            months.append({"month": meter.month, "units": meter.units, "amount": meter.drawn, "statement": None})
        return Response(
            {
                **rendered(meter, actor),
                "lines": serializers.ChargedLineSerializer(calculation.lines, many=True).data,
                "is_capped": calculation.is_capped,
                "months": serializers.UsageMonthSerializer(months, many=True).data,
                "days": serializers.UsageDaySerializer(days, many=True).data,
                "series": {
                    "labels": [used.day.isoformat() for used in days],
                    "units": [used.units for used in days],
                    "drawn": [used.drawn for used in days],
                },
            }
        )

    @extend_schema(
        operation_id="usage_report",
        summary="Report use",
        description="Up to 500 records; each is judged by itself and in order, and the answer says what became of it. "
        "A record counts once, by its `id`: sending a report again after a lost answer is safe and needs no "
        "Idempotency-Key. The same id with other content is refused with a problem of status 409 that names the "
        "field. A mistake is taken back by a record with `reverses`. What the prepayment does not cover is refused; "
        "what is `recorded` is never lost.",
        tags=TAGS,
        request=serializers.UsageReportSerializer,
        responses={
            200: serializers.UsageReportedSerializer,
            **problems(400, 404, 413, 422, s409="The order is not metered, or has not been accepted yet."),
        },
        examples=[examples.REPORT, examples.REPORTED],
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Record what is new."""
        actor = request.auth.actor
        done = services.record_usage(actor=actor, order_id=order_id, records=_records_of(request.data))
        results = [_outcome(outcome, index, request.path) for index, outcome in enumerate(done.outcomes)]
        counts = [outcome.result for outcome in done.outcomes]
        return Response(
            {
                "recorded": counts.count("recorded"),
                "duplicates": counts.count("duplicate"),
                "refused": counts.count("refused"),
                "results": results,
                "meter": rendered(done.meter, actor),
            }
        )


class UsageRecords(ListAPIView):
    """The records of one order."""

    scopes = {"GET": Scope.ORDERS_READ}
    serializer_class = serializers.UsageRecordSerializer

    @extend_schema(
        operation_id="usage_records_list",
        summary="List usage records",
        description="Newest first, each with the month it is billed in and what it drew.",
        tags=TAGS,
        parameters=[serializers.UsageRecordFilters],
        responses={
            200: serializers.UsageRecordSerializer(many=True),
            **problems(404, 422, s409="The order is not metered."),
        },
        examples=[examples.RECORD],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """A page of records."""
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[UsageRecord]:
        filters = filters_of(self.request, serializers.UsageRecordFilters)
        return selectors.filter_usage(selectors.usage_of(self.request.auth.actor, self.kwargs["order_id"]), **filters)


class Statements(ListAPIView):
    """Closed months."""

    scopes = {"GET": Scope.ORDERS_READ}
    serializer_class = serializers.StatementSerializer

    @extend_schema(
        operation_id="statements_list",
        summary="List statements",
        description="Closed months of the metered orders you may see, newest first.",
        tags=TAGS,
        parameters=[serializers.StatementFilters],
        responses={200: serializers.StatementSerializer(many=True), **problems(422)},
        examples=[examples.STATEMENT],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """A page of statements."""
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Statement]:
        filters = filters_of(self.request, serializers.StatementFilters)
        return selectors.filter_statements(selectors.statements_visible_to(self.request.auth.actor), **filters)


class StatementDetail(APIView):
    """One closed month."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="statements_read",
        summary="Read a statement",
        description="With every line of how its amount comes about.",
        tags=TAGS,
        responses={200: serializers.StatementDetailSerializer, **problems(404)},
        examples=[examples.STATEMENT_DETAIL],
    )
    def get(self, request: Request, statement_id: uuid.UUID) -> Response:
        """One statement with its lines."""
        statement = selectors.statement_visible_to(request.auth.actor, statement_id)
        return Response(serializers.StatementDetailSerializer(statement).data)


def act_schema(operation_id: str, summary: str, description: str, conflict: str) -> Callable:
    """The OpenAPI description of a buyer's act on a meter."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: serializers.MeterSerializer, **problems(400, 404, 422, s409=conflict)},
        examples=[examples.METER],
    )


class TopUpMeter(APIView):
    """Another prepayment."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "meters_top_up",
        "Pay ahead once more",
        "What the order paid ahead moves from your wallet into escrow again; use that was stopped goes on.",
        "The order is not metered or its contract is over, your wallet holds too little, or the same key is being "
        "worked on.",
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Top up once."""
        return act_once(request, "meters.top_up", services.top_up_meter, rendered, order_id=order_id)


class EndMeter(APIView):
    """No more use."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "meters_end",
        "End a metered contract",
        "Use counts until now and the right to receive ends; the vendor need not agree. It keeps its days for late "
        "records; then comes the last statement, and what is left of the prepayment returns to your wallet.",
        "The order is not metered, its use is over already, or the same key is being worked on.",
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """End it once."""
        return act_once(request, "meters.end", services.end_meter, rendered, order_id=order_id)
