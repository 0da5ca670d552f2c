"""Invoices over HTTP, for buyers: what to make them out to, asking for one, taking it home."""

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import NoFilters, filters_of
from market.api.idempotency import ReplyRecorder, respond_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.api.serializers import NoBody
from market.documents import services
from market.documents.api import examples
from market.documents.api.invoice_serializers import (
    InvoiceableOrderSerializer,
    InvoiceDetailSerializer,
    InvoiceFilters,
    InvoiceLineSerializer,
    InvoiceRequestSerializer,
    InvoiceSerializer,
    ProfileRequestSerializer,
    ProfileSerializer,
)
from market.documents.downloads import document_response
from market.documents.models import Invoice
from market.documents.selectors import invoices as selectors

TAGS = ["invoices"]
INVOICE = OpenApiExample("An issued invoice", examples.INVOICE, response_only=True)


def _detail(invoice: Invoice) -> dict[str, Any]:
    lines = InvoiceLineSerializer(selectors.lines_of(invoice), many=True).data
    return InvoiceSerializer(invoice).data | {"lines": lines}


class Profile(APIView):
    """What the invoices of your organisation are made out to."""

    scopes = {"GET": Scope.INVOICES_READ, "PUT": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="invoice_profile_retrieve",
        summary="Read the invoice profile",
        description="404 while nobody has said it.",
        tags=TAGS,
        responses={200: ProfileSerializer, **problems(404)},
    )
    def get(self, request: Request) -> Response:
        """Title and tax number."""
        return Response(ProfileSerializer(selectors.profile_of(request.auth.actor)).data)

    @extend_schema(
        operation_id="invoice_profile_save",
        summary="Say what invoices are made out to",
        description="From now on; requests that are made already keep what they were made with. For the buyer's owner "
        "and finance.",
        tags=TAGS,
        request=ProfileRequestSerializer,
        responses={200: ProfileSerializer, **problems(400, 413, 422)},
        examples=[OpenApiExample("A company", examples.PROFILE, request_only=True)],
    )
    def put(self, request: Request) -> Response:
        """Title and tax number."""
        wanted = ProfileRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response(
            ProfileSerializer(services.save_profile(actor=request.auth.actor, **wanted.validated_data)).data
        )


class InvoiceableOrders(GenericAPIView):
    """What may be invoiced."""

    scopes = {"GET": Scope.INVOICES_READ}
    serializer_class = InvoiceableOrderSerializer

    @extend_schema(
        operation_id="invoiceable_orders_list",
        summary="List what may be invoiced",
        description="Your purchases of which something is captured and stands in no living invoice, newest first.",
        tags=TAGS,
        responses={200: InvoiceableOrderSerializer(many=True), **problems(422)},
    )
    def get(self, request: Request) -> Response:
        """A page of orders."""
        filters_of(request, NoFilters)
        page = self.paginate_queryset(selectors.invoiceable_orders(request.auth.actor))
        return self.get_paginated_response(InvoiceableOrderSerializer(page, many=True).data)


class Invoices(GenericAPIView):
    """Requests for invoices, and asking for one."""

    scopes = {"GET": Scope.INVOICES_READ, "POST": Scope.INVOICES_WRITE}
    serializer_class = InvoiceSerializer

    @extend_schema(
        operation_id="invoices_list",
        summary="List invoices",
        description="A buyer's requests, those that a vendor is asked for, all for auditors and operators; newest "
        "first.",
        tags=TAGS,
        parameters=[InvoiceFilters],
        responses={200: InvoiceSerializer(many=True), **problems(422)},
    )
    def get(self, request: Request) -> Response:
        """A page of invoices."""
        filters = filters_of(request, InvoiceFilters)
        given = {{"buyer": "buyer_org", "vendor": "vendor_org"}.get(name, name): key for name, key in filters.items()}
        page = self.paginate_queryset(selectors.invoices_visible_to(request.auth.actor).filter(**given))
        return self.get_paginated_response(InvoiceSerializer(page, many=True).data)

    @extend_schema(
        operation_id="invoices_request",
        summary="Ask for an invoice",
        description="For everything that was captured of these orders and stands in no living invoice. The vendor, or "
        "the operator for it, records the invoice; until then the request can be withdrawn.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=InvoiceRequestSerializer,
        responses={
            201: InvoiceDetailSerializer,
            **problems(
                400,
                404,
                413,
                422,
                s409="The profile is missing, some `orders` have nothing to invoice, or the key is in use.",
            ),
        },
        examples=[OpenApiExample("Two orders", examples.INVOICE_WANTED, request_only=True), INVOICE],
    )
    def post(self, request: Request) -> Response:
        """The request as it stands."""
        wanted = InvoiceRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        actor, given = request.auth.actor, wanted.validated_data

        def ask(recorder: ReplyRecorder) -> None:
            invoice = services.request_invoice(actor=actor, order_ids=given["orders"], kind=given["kind"])
            shown = _detail(selectors.invoice_visible_to(actor, invoice.id))
            recorder.row(status.HTTP_201_CREATED, shown).save(force_insert=True)

        return respond_once(request, operation="invoices.request", organization_id=actor.organization_id, act=ask)


class InvoiceDetail(APIView):
    """One request for an invoice."""

    scopes = {"GET": Scope.INVOICES_READ}

    @extend_schema(
        operation_id="invoices_retrieve",
        summary="Read an invoice",
        tags=TAGS,
        responses={200: InvoiceDetailSerializer, **problems(404)},
        examples=[INVOICE],
    )
    def get(self, request: Request, invoice_id: uuid.UUID) -> Response:
        """With its lines and documents."""
        return Response(_detail(selectors.invoice_visible_to(request.auth.actor, invoice_id)))


class Withdraw(APIView):
    """Taking a request back."""

    scopes = {"POST": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="invoices_withdraw",
        summary="Withdraw a request for an invoice",
        description="While nobody has answered it. Its orders may be asked for again.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=NoBody,
        responses={
            200: InvoiceDetailSerializer,
            **problems(
                400,
                404,
                413,
                422,
                s409="It is issued or has ended (`legal_moves` names what may follow), or the key is in use.",
            ),
        },
    )
    def post(self, request: Request, invoice_id: uuid.UUID) -> Response:
        """The request as it stands."""
        NoBody(data=request.data).is_valid(raise_exception=True)
        actor = request.auth.actor

        def withdraw(recorder: ReplyRecorder) -> None:
            services.withdraw_invoice(actor=actor, invoice_id=invoice_id)
            shown = _detail(selectors.invoice_visible_to(actor, invoice_id))
            recorder.row(status.HTTP_200_OK, shown).save(force_insert=True)

        return respond_once(request, operation="invoices.withdraw", organization_id=actor.organization_id, act=withdraw)


class DocumentFile(APIView):
    """An issued invoice to keep."""

    scopes = {"GET": Scope.INVOICES_READ}

    @extend_schema(
        operation_id="invoices_file",
        summary="Download an issued invoice",
        description="The file as the vendor recorded it: PDF, OFD or XML. `ETag` is its SHA-256.",
        tags=TAGS,
        responses={
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            304: None,
            **problems(404, s410="The file is gone."),
        },
    )
    def get(self, request: Request, invoice_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        """The file."""
        document = selectors.document_visible_to(request.auth.actor, invoice_id, document_id)
        return document_response(request._request, document)
