"""Settlement over HTTP: read-only. A vendor sees what it earned; operators and auditors see everything."""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import NoFilters, filters_of
from market.api.openapi import problems
from market.kernel import clock
from market.settlement import selectors
from market.settlement.api import examples, serializers

TAGS = ["settlement"]


class Batches(GenericAPIView):
    """The batches you may see."""

    scopes = {"GET": Scope.SETTLEMENT_READ}
    serializer_class = serializers.BatchSerializer

    @extend_schema(
        operation_id="settlement_batches_list",
        summary="List settlement batches",
        description="A vendor's own, or everybody's for operators and auditors; newest first.",
        tags=TAGS,
        parameters=[serializers.BatchFilters],
        responses={200: serializers.BatchSerializer(many=True), **problems(422)},
        examples=[examples.BATCH],
    )
    def get(self, request: Request) -> Response:
        """A page of batches."""
        filters = filters_of(request, serializers.BatchFilters)
        batches = selectors.batches_visible_to(request.auth.actor)
        if "vendor" in filters:
            batches = batches.filter(vendor_org_id=filters["vendor"])
        if "cutoff" in filters:
            batches = batches.filter(cutoff=clock.business_midnight(filters["cutoff"]))
        page = self.paginate_queryset(batches)
        return self.get_paginated_response(serializers.BatchSerializer(page, many=True).data)


class BatchDetail(GenericAPIView):
    """One batch."""

    scopes = {"GET": Scope.SETTLEMENT_READ}
    serializer_class = serializers.LineSerializer

    @extend_schema(
        operation_id="settlement_batches_read",
        summary="Read a settlement batch",
        description="With its payments and a page of its lines: one for each captured charge. `lines.next` leads to "
        "the next page of lines, under this address.",
        tags=TAGS,
        responses={200: serializers.BatchDetailSerializer, **problems(404, 422)},
        examples=[examples.BATCH_DETAIL],
    )
    def get(self, request: Request, batch_id: uuid.UUID) -> Response:
        """One batch and a page of its lines."""
        filters_of(request, NoFilters)
        batch = selectors.batch_visible_to(request.auth.actor, batch_id)
        page = self.paginate_queryset(selectors.lines_of(batch))
        lines = self.get_paginated_response(serializers.LineSerializer(page, many=True).data).data
        return Response(serializers.BatchSerializer(batch).data | {"lines": lines})


class Payouts(GenericAPIView):
    """The payouts you may see."""

    scopes = {"GET": Scope.SETTLEMENT_READ}
    serializer_class = serializers.PayoutSerializer

    @extend_schema(
        operation_id="settlement_payouts_list",
        summary="List payouts",
        description="A vendor's own, or everybody's for operators and auditors; newest first. A pending payout says "
        "in `hold` what it waits for.",
        tags=TAGS,
        parameters=[serializers.PayoutFilters],
        responses={200: serializers.PayoutSerializer(many=True), **problems(422)},
        examples=[examples.PAYOUT],
    )
    def get(self, request: Request) -> Response:
        """A page of payouts."""
        filters = filters_of(request, serializers.PayoutFilters)
        columns = {"vendor": "vendor_org_id", "batch": "batch_id", "state": "state"}
        payouts = selectors.payouts_visible_to(request.auth.actor)
        page = self.paginate_queryset(payouts.filter(**{columns[name]: value for name, value in filters.items()}))
        return self.get_paginated_response(serializers.PayoutSerializer(page, many=True).data)


class PayoutDetail(APIView):
    """One payout."""

    scopes = {"GET": Scope.SETTLEMENT_READ}

    @extend_schema(
        operation_id="settlement_payouts_read",
        summary="Read a payout",
        tags=TAGS,
        responses={200: serializers.PayoutSerializer, **problems(404)},
        examples=[examples.PAYOUT],
    )
    def get(self, request: Request, payout_id: uuid.UUID) -> Response:
        """One payout."""
        payout = selectors.payout_visible_to(request.auth.actor, payout_id)
        return Response(serializers.PayoutSerializer(payout).data)


class FeeSchedules(GenericAPIView):
    """The fees of the exchange."""

    scopes = {"GET": Scope.SETTLEMENT_READ}
    serializer_class = serializers.FeeScheduleSerializer

    @extend_schema(
        operation_id="settlement_fee_schedules_list",
        summary="List fee schedules",
        description="Every version, newest first. A capture names its version for ever. Of the rates "
        "granted to single vendors you see your own.",
        tags=TAGS,
        responses={200: serializers.FeeScheduleSerializer(many=True), **problems(422)},
        examples=[examples.FEE_SCHEDULE],
    )
    def get(self, request: Request) -> Response:
        """A page of fee schedules."""
        filters_of(request, NoFilters)
        page = self.paginate_queryset(selectors.fee_schedules_visible_to(request.auth.actor))
        return self.get_paginated_response(serializers.FeeScheduleSerializer(page, many=True).data)
