"""Partial acceptance over HTTP: of a group of lines some are accepted and others disputed, in one act."""

import uuid

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.idempotency import ReplyRecorder, respond_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.api.serializers import KeyField, StrictSerializer
from market.orders import services
from market.orders.api.dispute_serializers import ObjectSerializer
from market.orders.api.serializers import OrderSerializer, rendered
from market.orders.services.lines import MAX_LINES, Objection


class DisputedLineSerializer(ObjectSerializer):
    """A line to dispute."""

    order = KeyField(source="order_id")


class AcceptLinesSerializer(StrictSerializer):
    """Which lines to accept and which to dispute; each at most once, all others stay as they are."""

    accept = serializers.ListField(child=KeyField(), default=list, max_length=MAX_LINES)
    dispute = DisputedLineSerializer(many=True, default=list, max_length=MAX_LINES)


class AcceptedLinesSerializer(serializers.Serializer):
    """The lines as they are now, in the order in which they were named."""

    results = OrderSerializer(many=True)


PARTLY = OpenApiExample(
    "two accepted, one disputed",
    request_only=True,
    value={
        "accept": ["019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10", "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a11"],
        "dispute": [
            {
                "order": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a12",
                "reason": "incomplete",
                "text": "The files of March are missing.",
            }
        ],
    },
)


class AcceptLines(APIView):
    """Acceptance of a part of what was ordered together."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="order_groups_accept",
        summary="Accept a part of a group",
        description="Accepts some lines of orders placed together and disputes others, in one transaction: all of it "
        "happens or nothing does. Lines that are not named stay as they are. A line of another group or buyer is 404.",
        tags=["disputes"],
        parameters=[IDEMPOTENCY_KEY],
        request=AcceptLinesSerializer,
        responses={
            200: AcceptedLinesSerializer,
            **problems(
                400,
                404,
                413,
                422,
                s409="Some lines are not delivered (any more), or the time to dispute them is over: `results` says "
                "which, each with its `state`, and a `code` where it stood in the way. Or the same key is being worked "
                "on.",
            ),
        },
        examples=[PARTLY],
    )
    def post(self, request: Request, group_id: uuid.UUID) -> Response:
        """Accept and dispute once."""
        actor = request.auth.actor
        wanted = AcceptLinesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)

        def act(recorder: ReplyRecorder) -> None:
            services.accept_lines(
                actor=actor,
                group_id=group_id,
                accept=wanted.validated_data["accept"],
                dispute=[Objection(**line) for line in wanted.validated_data["dispute"]],
                also_insert=lambda lines: recorder.row(
                    status.HTTP_200_OK, {"results": [rendered(line, actor) for line in lines]}
                ),
            )

        return respond_once(request, operation="order_groups.accept", organization_id=actor.organization_id, act=act)
