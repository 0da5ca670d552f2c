"""What is for sale, over HTTP. Reading only: vendors work in their workspace."""

import uuid

from django.db.models import QuerySet
from django.db.models.functions import Left
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Organization
from accounts.states import Scope
from market.api.filters import filters_of
from market.api.paging import CursorPaging
from market.api.serializers import ProblemSerializer
from market.catalog import selectors
from market.catalog.api import examples
from market.catalog.api.serializers import (
    ProductDetailSerializer,
    ProductQuery,
    ProductSerializer,
    VendorQuery,
    VendorSerializer,
)
from market.catalog.models import Product

SUMMARY_LETTERS = 200
REFUSED = {
    401: OpenApiResponse(ProblemSerializer, description="No token, or one that is not good"),
    403: OpenApiResponse(ProblemSerializer, description="The token lacks the scope catalog:read"),
}
LIST_REFUSED = REFUSED | {422: OpenApiResponse(ProblemSerializer, description="A parameter is unknown or malformed")}
ITEM_REFUSED = REFUSED | {404: OpenApiResponse(ProblemSerializer, description="Nothing of that key that you may see")}


class ProductPaging(CursorPaging):
    """By time-ordered key, newest first or ``?ordering=oldest``."""

    def get_ordering(self, request: Request, queryset: QuerySet, view: APIView) -> tuple[str, ...]:
        return ("id",) if request.query_params.get("ordering") == "oldest" else ("-id",)


class ProductListView(ListAPIView):
    """Products that the caller may see, narrowed by filters."""

    scopes = {"GET": Scope.CATALOG_READ}
    serializer_class = ProductSerializer
    pagination_class = ProductPaging

    @extend_schema(
        operation_id="products_list",
        tags=["catalog"],
        parameters=[ProductQuery],
        responses={200: ProductSerializer(many=True)} | LIST_REFUSED,
        examples=[examples.response(examples.PRODUCT), examples.refusal(examples.UNKNOWN_PARAMETER, 422)],
        summary="Find products",
        description="Listed products; vendors see their own in any state, supervisors see all. "
        "Offers made privately to another buyer are left out, also from price filters.",
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Product]:
        actor = self.request.auth.actor
        wanted = filters_of(self.request, ProductQuery)
        wanted.pop("ordering", None)
        products = selectors.products_visible_to(actor, selectors.ProductFilters(**wanted))
        shortened = products.defer("description").annotate(summary=Left("description", SUMMARY_LETTERS))
        return selectors.with_offers(shortened, actor)


class ProductView(APIView):
    """One product."""

    scopes = {"GET": Scope.CATALOG_READ}

    @extend_schema(
        operation_id="products_retrieve",
        tags=["catalog"],
        responses={200: ProductDetailSerializer} | ITEM_REFUSED,
        examples=[examples.response(examples.PRODUCT_DETAIL)],
        summary="Look at a product",
        description=f"With its {selectors.SHOWN_REVISIONS} newest revisions, their files by name, size and SHA-256, "
        "and the offers that the caller may order under.",
    )
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        return Response(ProductDetailSerializer(selectors.product_detail(request.auth.actor, product_id)).data)


class VendorListView(ListAPIView):
    """Vendors that trade."""

    scopes = {"GET": Scope.CATALOG_READ}
    serializer_class = VendorSerializer

    @extend_schema(
        operation_id="vendors_list",
        tags=["catalog"],
        parameters=[VendorQuery],
        responses={200: VendorSerializer(many=True)} | LIST_REFUSED,
        examples=[examples.response(examples.VENDOR_DETAIL), examples.refusal(examples.UNKNOWN_PARAMETER, 422)],
        summary="Find vendors",
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Organization]:
        wanted = filters_of(self.request, VendorQuery)
        return selectors.vendors_visible_to(self.request.auth.actor, selectors.VendorFilters(**wanted))


class VendorView(APIView):
    """One vendor."""

    scopes = {"GET": Scope.CATALOG_READ}

    @extend_schema(
        operation_id="vendors_retrieve",
        tags=["catalog"],
        responses={200: VendorSerializer} | ITEM_REFUSED,
        examples=[examples.response(examples.VENDOR_DETAIL)],
        summary="Look at a vendor",
    )
    def get(self, request: Request, vendor_id: uuid.UUID) -> Response:
        return Response(VendorSerializer(selectors.vendor_detail(request.auth.actor, vendor_id)).data)
