"""Purposes over HTTP: buyers ask, read and withdraw; vendors and the exchange decide in their workspaces."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.catalog import selectors, services
from market.catalog.api import examples
from market.catalog.api.serializers import (
    AskForPurposeSerializer,
    PurposeApprovalQuery,
    PurposeApprovalSerializer,
)
from market.catalog.errors import ApprovalAsked
from market.catalog.models import PurposeApproval
from market.kernel.actors import Actor

TAGS = ["purpose approvals"]
EXAMPLE = OpenApiExample(
    "purpose approval",
    response_only=True,
    value={
        "id": "0192f3c5-7a10-7c7e-9d5f-3a1b2c4d5e6f",
        "state": "vendor_approved",
        "acts": ["withdraw"],
        "next_deadline": {"what": "decision", "at": "2026-04-16T01:30:00Z"},
        "product": {"id": examples.PRODUCT["id"], "code": "MET-HOURLY", "title": "贵州逐小时气象观测"},
        "vendor": examples.VENDOR,
        "buyer": {"id": "0192f3c1-8b21-7c7e-9d5f-3a1b2c4d5e6f", "name": "遵义食品有限公司"},
        "purpose": "Cold-chain planning for 2027.",
        "requested_at": "2026-03-02T01:30:00Z",
        "expires_at": "2026-04-16T01:30:00Z",
        "vendor_decided_at": "2026-03-03T02:00:00Z",
        "vendor_reason": "",
        "operator_decided_at": None,
        "operator_reason": "",
        "closed_at": None,
    },
)
ASK_EXAMPLE = OpenApiExample(
    "ask",
    request_only=True,
    value={"product": examples.PRODUCT["id"], "purpose": "Cold-chain planning for 2027."},
)


def rendered(approval: PurposeApproval, actor: Actor) -> dict[str, Any]:
    """The purpose as its reader sees it."""
    return PurposeApprovalSerializer(approval, context={"actor": actor}).data


class PurposeApprovals(ListAPIView):
    """The purposes you may see, and asking for one."""

    scopes = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}
    serializer_class = PurposeApprovalSerializer

    @extend_schema(
        operation_id="purpose_approvals_list",
        summary="List purposes",
        description="Those you asked for, those a vendor decides on, or all for supervisors; newest first.",
        tags=TAGS,
        parameters=[PurposeApprovalQuery],
        responses={200: PurposeApprovalSerializer(many=True), **problems(400, 422)},
        examples=[EXAMPLE],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """A page of purposes."""
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[PurposeApproval]:
        wanted = filters_of(self.request, PurposeApprovalQuery)
        return selectors.approvals_visible_to(self.request.auth.actor).filter(**wanted)

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"actor": self.request.auth.actor}

    @extend_schema(
        operation_id="purpose_approvals_ask",
        summary="Ask for approval of a purpose",
        description="Products with `needs_purpose_approval` are sold for an approved purpose only. The vendor decides "
        "first, then the exchange; see `next_deadline`. Once it is approved, order and declare the very same purpose. "
        "After a rejection you may ask again.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=AskForPurposeSerializer,
        responses={
            201: PurposeApprovalSerializer,
            **problems(
                400,
                404,
                413,
                422,
                s409="The product needs no approval, you have asked for this purpose already (`approval`), or the same "
                "key is being worked on.",
            ),
        },
        examples=[ASK_EXAMPLE, EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Ask once."""
        try:
            response = act_once(
                request,
                "purposes.ask",
                services.request_purpose_approval,
                rendered,
                body=AskForPurposeSerializer,
                code=status.HTTP_201_CREATED,
            )
        except ApprovalAsked as refusal:
            # Only now, after the rollback, can the database be asked which one it is.
            wanted = request.data
            earlier = selectors.open_approval(request.auth.actor, wanted["product"], wanted["purpose"])
            raise ApprovalAsked(refusal.detail, approval=str(earlier.id) if earlier else None) from refusal
        response["Location"] = reverse("purpose-approval", args=[response.data["id"]])
        return response


class PurposeApprovalDetail(APIView):
    """One purpose."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="purpose_approvals_read",
        summary="Read a purpose approval",
        tags=TAGS,
        responses={200: PurposeApprovalSerializer, **problems(404)},
        examples=[EXAMPLE],
    )
    def get(self, request: Request, approval_id: uuid.UUID) -> Response:
        """Where it stands, and what was said."""
        actor = request.auth.actor
        return Response(rendered(selectors.approval_visible_to(actor, approval_id), actor))


class WithdrawPurposeApproval(APIView):
    """Taking a purpose back."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="purpose_approvals_withdraw",
        summary="Withdraw a purpose",
        description="Decided or not, it is over: nothing can be ordered under it any more. Orders placed go on.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: PurposeApprovalSerializer, **problems(400, 404, 409, 422)},
        examples=[EXAMPLE],
    )
    def post(self, request: Request, approval_id: uuid.UUID) -> Response:
        """Withdraw once."""
        perform = services.withdraw_purpose_approval
        return act_once(request, "purposes.withdraw", perform, rendered, approval_id=approval_id)
