"""Changes of contracts over HTTP. Buyers propose and answer here, vendors in their workspace; both may read."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.api.serializers import DayField, KeyField, StrictSerializer, TextField, WholeNumberField
from market.kernel.actors import Actor
from market.orders import selectors, services
from market.orders.models import Amendment
from market.orders.services.amending import MAX_ACCEPTANCE_DAYS, MAX_LICENCE, MAX_MESSAGE, MAX_PURPOSE
from market.orders.states import AmendmentState, ContractSide

TAGS = ["amendments"]


class ProposalSerializer(StrictSerializer):
    """What shall be different; what is left out stays."""

    purpose = TextField(max_length=MAX_PURPOSE, required=False, help_text="A new declared purpose.")
    licence = TextField(max_length=MAX_LICENCE, required=False, help_text="The whole licence text as it shall be.")
    acceptance_days = WholeNumberField(
        min_value=1, max_value=MAX_ACCEPTANCE_DAYS, required=False, help_text="Days from delivery."
    )
    ends_on = DayField(
        required=False,
        help_text="The day (Asia/Shanghai) on which a running contract shall be over: that day no longer.",
    )
    message = TextField(max_length=MAX_MESSAGE, required=False, help_text="Words to the other side.")


class AnswerSerializer(StrictSerializer):
    """A last word, if there is one."""

    message = TextField(max_length=MAX_MESSAGE, required=False, help_text="Words to the other side.")


class AmendmentQuery(StrictSerializer):
    """What a list of amendments can be narrowed by."""

    order = KeyField(required=False)
    state = serializers.ChoiceField(AmendmentState.choices, required=False)


class AmendmentSerializer(serializers.Serializer):
    """A proposal as ``amendment.reader``, an actor, sees it. Amounts are fen."""

    id = serializers.UUIDField()
    order = serializers.UUIDField(source="order_id")
    order_number = serializers.CharField(source="order.number")
    state = serializers.ChoiceField(AmendmentState.choices)
    proposed_by = serializers.ChoiceField(ContractSide.choices, source="side")
    acts = serializers.SerializerMethodField(help_text="What you may do now: confirm, decline, withdraw.")
    base_version = serializers.IntegerField(help_text="The version of the terms that it changes.")
    version = serializers.IntegerField(
        source="terms.version", default=None, allow_null=True, help_text="The version that it became."
    )
    purpose = serializers.CharField(help_text="Empty: stays as it is.")
    licence = serializers.CharField(help_text="Empty: stays as it is.")
    acceptance_days = serializers.IntegerField(allow_null=True)
    ends_on = serializers.DateField(allow_null=True)
    unused_amount = serializers.IntegerField(
        allow_null=True,
        help_text="Of the price, what falls on the days given up by `ends_on`: what was paid of it returns to the "
        "buyer, the rest is not due any more. Null when use decides.",
    )
    currency = serializers.CharField(source="order.currency")
    message = serializers.CharField()
    answer = serializers.CharField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(help_text="Void then, unless confirmed.")
    closed_at = serializers.DateTimeField(allow_null=True)

    def get_acts(self, amendment: Amendment) -> list[str]:
        """What the reader may do now."""
        return selectors.acts_on_amendment(amendment.reader, amendment)


_one = AmendmentSerializer()
"""Made once: setting up a serializer costs more than using it, and using it changes nothing in it."""

AMENDMENT_EXAMPLE = OpenApiExample(
    "early end",
    response_only=True,
    value={
        "id": "019b0a54-7777-7d3a-8f57-2b9d3c1e7a10",
        "order": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
        "order_number": "QS20261123-B2K7QXWJNA",
        "state": "proposed",
        "proposed_by": "buyer",
        "acts": ["withdraw"],
        "base_version": 1,
        "version": None,
        "purpose": "",
        "licence": "",
        "acceptance_days": None,
        "ends_on": "2027-03-03",
        "unused_amount": 15000,
        "currency": "CNY",
        "message": "We close the cold store in March.",
        "answer": "",
        "created_at": "2027-02-17T02:31:00Z",
        "due_at": "2027-03-03T02:31:00Z",
        "closed_at": None,
    },
)
PROPOSAL_EXAMPLE = OpenApiExample(
    "early end",
    request_only=True,
    value={"ends_on": "2027-03-03", "message": "We close the cold store in March."},
)


def rendered(amendment: Amendment, reader: Actor) -> dict[str, Any]:
    """The amendment as ``reader`` sees it."""
    amendment.reader = reader
    return _one.to_representation(amendment)


def act_schema(operation_id: str, summary: str, description: str, body: Any, success: int = 200) -> Callable:
    """The OpenAPI description of an act on a contract."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=body,
        responses={
            success: AmendmentSerializer,
            **problems(
                400,
                404,
                422,
                s409="The contract cannot be changed like that as it stands (`errors` says why), another proposal is "
                "open (`amendment`), this one is closed or its time is over, or the same key is being worked on.",
            ),
        },
        examples=[PROPOSAL_EXAMPLE, AMENDMENT_EXAMPLE] if body is ProposalSerializer else [AMENDMENT_EXAMPLE],
    )


class Amendments(ListAPIView):
    """Changes of the contracts you may see."""

    scopes = {"GET": Scope.ORDERS_READ}
    serializer_class = AmendmentSerializer

    @extend_schema(
        operation_id="amendments_list",
        summary="List amendments",
        description="Proposed, confirmed and ended changes of your contracts, newest first; all for auditors.",
        tags=TAGS,
        parameters=[AmendmentQuery],
        responses={200: AmendmentSerializer(many=True), **problems(400, 422)},
        examples=[AMENDMENT_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        """A page of amendments."""
        actor = request.auth.actor
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([rendered(amendment, actor) for amendment in page])

    def get_queryset(self) -> QuerySet[Amendment]:
        filters = filters_of(self.request, AmendmentQuery)
        return selectors.amendments_visible_to(self.request.auth.actor).filter(**filters)


class ProposeAmendment(APIView):
    """A proposal to change one order's contract."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "amendments_propose",
        "Propose a change of the contract",
        "The vendor confirms or declines it in its workspace by `due_at`. Confirmed, it becomes the next version of "
        "the terms. With `ends_on` a running contract ends early: `unused_amount` says what of the price is given up.",
        ProposalSerializer,
        success=201,
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Propose once."""
        response = act_once(
            request,
            "amendments.propose",
            services.propose_amendment,
            rendered,
            body=ProposalSerializer,
            code=status.HTTP_201_CREATED,
            order_id=order_id,
        )
        response["Location"] = reverse("amendment", args=[response.data["id"]])
        return response


class AmendmentDetail(APIView):
    """One amendment."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="amendments_read",
        summary="Read an amendment",
        tags=TAGS,
        responses={200: AmendmentSerializer, **problems(404)},
        examples=[AMENDMENT_EXAMPLE],
    )
    def get(self, request: Request, amendment_id: uuid.UUID) -> Response:
        """One amendment, with what you may do with it."""
        actor = request.auth.actor
        return Response(rendered(selectors.amendment_visible_to(actor, amendment_id), actor))


class ConfirmAmendment(APIView):
    """Agreement to the other side's proposal."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "amendments_confirm",
        "Confirm a change of the contract",
        "The other side's proposal becomes the next version of the terms, in force at once.",
        None,
    )
    def post(self, request: Request, amendment_id: uuid.UUID) -> Response:
        """Confirm once."""
        return act_once(request, "amendments.confirm", services.confirm_amendment, rendered, amendment_id=amendment_id)


class DeclineAmendment(APIView):
    """A no to the other side's proposal."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "amendments_decline", "Decline a change of the contract", "The contract stays as it is.", AnswerSerializer
    )
    def post(self, request: Request, amendment_id: uuid.UUID) -> Response:
        """Decline once."""
        return act_once(
            request,
            "amendments.decline",
            services.decline_amendment,
            rendered,
            body=AnswerSerializer,
            amendment_id=amendment_id,
        )


class WithdrawAmendment(APIView):
    """Taking one's own proposal back."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "amendments_withdraw", "Withdraw your proposal", "While the other side has not answered.", AnswerSerializer
    )
    def post(self, request: Request, amendment_id: uuid.UUID) -> Response:
        """Withdraw once."""
        return act_once(
            request,
            "amendments.withdraw",
            services.withdraw_amendment,
            rendered,
            body=AnswerSerializer,
            amendment_id=amendment_id,
        )
