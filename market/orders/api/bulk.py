"""Many orders in one request, and the group of those that were placed."""

import uuid
from typing import Any

from django.db.models import Model
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import NoFilters, filters_of
from market.api.idempotency import ReplyRecorder, respond_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.api.problems import as_invalid_input, problem
from market.api.serializers import ProblemSerializer, StrictSerializer, TruthField
from market.kernel.actors import Actor
from market.kernel.errors import BusinessError, InvalidInput
from market.orders import selectors, services
from market.orders.api.serializers import OrderSerializer, PlaceOrderSerializer, plain_wish, rendered
from market.orders.errors import BulkRefused
from market.orders.services.bulk import MAX_LINES, Placed
from market.orders.services.ground import Wish
from market.orders.services.placing import faults_of
from market.orders.states import OrderState

TAGS = ["orders"]


class _AnyField(serializers.Field):
    """A line as it was sent: it is judged by itself, so that one bad line does not hide what the others come to."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class BulkSerializer(StrictSerializer):
    """The envelope of many orders."""

    atomic = TruthField()
    lines = serializers.ListField(child=_AnyField(), min_length=1, max_length=MAX_LINES, allow_empty=False)


class BulkRequestSerializer(serializers.Serializer):
    """Up to 1,000 orders, for the OpenAPI description."""

    atomic = serializers.BooleanField(help_text="All or nothing; else each line that can be placed is.")
    lines = PlaceOrderSerializer(many=True, help_text="1 to 1,000 orders; earlier lines take their money first.")


class BulkLineSerializer(serializers.Serializer):
    """What became of one line: ``order`` or ``problem``."""

    index = serializers.IntegerField(help_text="Place of the line in the request, from 0.")
    order = OrderSerializer(required=False)
    problem = ProblemSerializer(required=False)


class BulkResultSerializer(serializers.Serializer):
    """What became of a request."""

    group = serializers.UUIDField(allow_null=True, help_text="Under which the placed lines can be read again.")
    placed = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkLineSerializer(many=True)


BULK_EXAMPLE = OpenApiExample(
    "two lines",
    request_only=True,
    value={
        "atomic": False,
        "lines": [
            {
                "offer": "019b0a54-5555-7d3a-8f57-2b9d3c1e7a10",
                "quantity": 1,
                "purpose": "Cold-chain planning for 2027.",
                "client_reference": f"PO-2026-0117-{line}",
            }
            for line in (1, 2)
        ],
    },
)


class BulkOrders(APIView):
    """Placing many orders."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="orders_bulk",
        summary="Place up to 1,000 orders",
        description="Every line is an order of its own, by the rules of `POST /orders`, and all that are placed are a "
        "group. Lines are judged in their order: what earlier ones take from the wallet and from a spending limit is "
        "gone for later ones. With `atomic` all lines are placed or, with 409 and the `lines` that stand in the way, "
        "none. Without it `results` holds an `order` or a `problem` for each line.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=BulkRequestSerializer,
        responses={
            200: OpenApiResponse(BulkResultSerializer, "No line could be placed."),
            201: BulkResultSerializer,
            **problems(
                400,
                413,
                422,
                s409="With `atomic`: some line cannot be placed (`lines` has the problem of each), so none was. Or the "
                "same key is being worked on.",
            ),
        },
        examples=[BULK_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Place many orders once."""
        actor = request.auth.actor
        envelope = BulkSerializer(data=request.data)
        envelope.is_valid(raise_exception=True)
        wishes = [_wish(line) for line in envelope.validated_data["lines"]]

        def act(recorder: ReplyRecorder) -> None:
            def reply(placed: Placed) -> Model:
                code = status.HTTP_201_CREATED if placed.orders else status.HTTP_200_OK
                return recorder.row(code, _result(placed, actor, request.path))

            services.place_many(
                actor=actor, wishes=wishes, is_atomic=envelope.validated_data["atomic"], also_insert=reply
            )

        try:
            response = respond_once(request, operation="orders.bulk", organization_id=actor.organization_id, act=act)
        except BulkRefused as refusal:
            lines = [_line(index, error, request.path) for index, error in refusal.extra["refusals"].items()]
            raise BulkRefused(refusal.detail, lines=lines) from refusal
        if response.data["group"]:
            response["Location"] = reverse("order-group", args=[response.data["group"]])
        return response


def _wish(line: Any) -> Wish | InvalidInput:
    wish = plain_wish(line)
    if wish is not None and not faults_of(wish):
        return wish
    wanted = PlaceOrderSerializer(data=line)
    try:
        wanted.is_valid(raise_exception=True)
    except ValidationError as error:
        return as_invalid_input(error)
    return Wish(**wanted.validated_data)


def _result(placed: Placed, actor: Actor, path: str) -> dict[str, Any]:
    count = len(placed.orders)
    return {
        "group": str(placed.group_id) if count else None,
        "placed": count,
        "refused": len(placed.outcomes) - count,
        "results": [
            _line(index, outcome, path)
            if isinstance(outcome, BusinessError)
            else {"index": index, "order": rendered(outcome, actor)}
            for index, outcome in enumerate(placed.outcomes)
        ],
    }


def _line(index: int, error: BusinessError, path: str) -> dict[str, Any]:
    return {"index": index, "problem": problem(error, f"{path}#/lines/{index}")}


class GroupTotalSerializer(serializers.Serializer):
    """Lines of a group in one state."""

    state = serializers.ChoiceField(OrderState.choices)
    currency = serializers.CharField()
    lines = serializers.IntegerField()
    amount = serializers.IntegerField(help_text="Fen, of all these lines.")


class GroupSerializer(serializers.Serializer):
    """A page of a group's lines, and what all its lines come to."""

    id = serializers.UUIDField()
    totals = GroupTotalSerializer(many=True, help_text="Over all lines you may see, not only those of this page.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OrderSerializer(many=True)


class OrderGroup(GenericAPIView):
    """Orders that were placed together."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="order_groups_read",
        summary="Read the lines that were placed together",
        description="Newest line first, with totals by state. A vendor sees its own lines.",
        tags=TAGS,
        responses={200: GroupSerializer, **problems(404, 422)},
    )
    def get(self, request: Request, group_id: uuid.UUID) -> Response:
        """A page of lines."""
        actor = request.auth.actor
        filters_of(request, NoFilters)
        lines = selectors.group_visible_to(actor, group_id)
        totals = selectors.group_totals(lines)
        page = self.get_paginated_response([rendered(line, actor) for line in self.paginate_queryset(lines)])
        return Response({"id": str(group_id), "totals": totals, **page.data})
