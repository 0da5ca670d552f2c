"""Disputes over HTTP: the buyer objects, the vendor answers, the operator decides."""

import uuid
from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.kernel.actors import Actor
from market.orders import selectors, services
from market.orders.api.dispute_serializers import (
    AnswerDisputeSerializer,
    DecideSerializer,
    DisputeSerializer,
    ObjectSerializer,
)
from market.orders.models import Dispute

TAGS = ["disputes"]
NOT_NOW = (
    "Not possible in the current `state` (`legal_moves` names what may follow), the time for it is over, or the same "
    "key is being worked on."
)
OBJECTION = OpenApiExample(
    "incomplete", request_only=True, value={"reason": "incomplete", "text": "The files of March are missing."}
)
ANSWER = OpenApiExample(
    "an answer", request_only=True, value={"text": "March is in the second file, see the data dictionary."}
)
DECISION = OpenApiExample(
    "half back",
    request_only=True,
    value={"verdict": "partial", "refund_amount": 64000, "grounds": "Half of the months are missing."},
)
DISPUTE = OpenApiExample(
    "dispute",
    response_only=True,
    value={
        "id": "019b0a54-7777-7d3a-8f57-2b9d3c1e7a10",
        "order": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
        "order_state": "disputed",
        "state": "awaiting_answer",
        "legal_moves": ["awaiting_decision"],
        "reason": "incomplete",
        "text": "The files of March are missing.",
        "amount": 128000,
        "currency": "CNY",
        "opened_at": "2026-11-24T02:31:00Z",
        "answer_due_at": "2026-11-29T02:31:00Z",
        "decision_due_at": None,
        "escalated_at": None,
        "answer": "",
        "answered_at": None,
        "verdict": "",
        "refund_amount": None,
        "grounds": "",
        "decided_at": None,
        "evidence": [
            {
                "kind": "contract",
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "document": '{"order":"QS20261123-B2K7QXWJNA"}',
                "created_at": "2026-11-24T02:31:00Z",
            }
        ],
    },
)


def rendered(dispute: Dispute, _reader: Actor) -> dict[str, Any]:
    """The dispute, the same for everybody who may see it."""
    return DisputeSerializer(dispute).data


def act_schema(operation_id: str, summary: str, description: str, code: int, **more: Any) -> Callable:
    """The OpenAPI description of an act on a dispute."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        responses={code: DisputeSerializer, **problems(400, 404, 413, 422, s409=NOT_NOW)},
        **more,
    )


class OrderDispute(APIView):
    """The dispute about one order, and beginning it."""

    scopes = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="disputes_read",
        summary="Read a dispute",
        description="What was said on both sides, what was decided, and the evidence that the exchange attached by "
        "itself when the order was disputed: the contract in force, the history, and what was really sent.",
        tags=TAGS,
        responses={200: DisputeSerializer, **problems(404)},
        examples=[DISPUTE],
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """The dispute with its evidence."""
        return Response(DisputeSerializer(selectors.dispute_of(request.auth.actor, order_id)).data)

    @act_schema(
        "disputes_open",
        "Dispute a delivery",
        "By the buyer, before `acceptance_due_at`; once an order. The money stays in escrow until the operator "
        "decides: when the vendor has answered or `answer_due_at` has passed.",
        201,
        request=ObjectSerializer,
        examples=[OBJECTION, DISPUTE],
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Object once."""
        return act_once(
            request,
            "orders.dispute",
            services.dispute,
            rendered,
            body=ObjectSerializer,
            code=status.HTTP_201_CREATED,
            order_id=order_id,
        )


class DisputeAnswer(APIView):
    """The vendor's word on a dispute."""

    scopes = {"POST": Scope.DISPUTES_WRITE}

    @act_schema(
        "disputes_answer",
        "Answer a dispute",
        "By the vendor's owner or lister, once, before `answer_due_at`.",
        200,
        request=AnswerDisputeSerializer,
        examples=[ANSWER, DISPUTE],
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Answer once."""
        return act_once(
            request,
            "orders.answer_dispute",
            services.answer_dispute,
            rendered,
            body=AnswerDisputeSerializer,
            order_id=order_id,
        )


class DisputeDecision(APIView):
    """The operator's word on a dispute."""

    scopes = {"POST": Scope.DISPUTES_WRITE}

    @act_schema(
        "disputes_decide",
        "Decide a dispute",
        "By an operator who is no party, when the vendor has answered or its time has passed. `accept`: the vendor is "
        "paid, or the contract that runs begins. `refund`: everything returns to the buyer and the right to receive "
        "ends. `partial`: `refund_amount` returns and the vendor is paid the rest; not for a contract that runs.",
        200,
        request=DecideSerializer,
        examples=[DECISION, DISPUTE],
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Decide once."""
        return act_once(
            request,
            "orders.decide_dispute",
            services.decide_dispute,
            rendered,
            body=DecideSerializer,
            order_id=order_id,
        )
