import datetime
import uuid

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api.serializers import MeSerializer, NewTokenSerializer, TokenRequestSerializer, TokenSerializer
from accounts.models import ApiToken
from accounts.states import Scope
from market.api.filters import NoFilters, filters_of
from market.api.openapi import problems

TAGS = ["account"]
ME = {
    "user": {"id": "0192f0c4-7c1e-7a3b-8f00-000000000001", "email": "buyer@example.cn", "name": "王芳"},
    "organization": {
        "id": "0192f0c4-7c1e-7a3b-8f00-000000000002",
        "name": "遵义食品有限公司",
        "uscc": "91520300MA6DQ0QK2J",
        "region": "贵州省遵义市",
        "taxpayer_type": "general",
        "capacities": ["buyer"],
        "state": "verified",
    },
    "role": "purchaser",
    "scopes": ["account:read", "catalog:read", "orders:read", "orders:write"],
    "token_id": "0192f0c4-7c1e-7a3b-8f00-000000000003",
    "token_name": "nightly orders",
    "token_expires_at": "2027-01-31T16:00:00Z",
}
WANTED = {"name": "report reader", "scopes": ["orders:read"], "days": 30}


class MeView(APIView):
    """The bearer of the token in use."""

    scopes = {"GET": Scope.ACCOUNT_READ}

    @extend_schema(
        operation_id="me",
        summary="Who am I?",
        tags=TAGS,
        responses={200: MeSerializer, **problems()},
        examples=[OpenApiExample("A purchaser", ME, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(request.auth).data)


class TokenListView(generics.ListAPIView):
    """Tokens the bearer may see and revoke: one's own; for an owner, the organisation's; for an operator, all."""

    scopes = {"GET": Scope.ACCOUNT_READ, "POST": Scope.TOKENS_WRITE}
    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()

    def get_queryset(self):
        return selectors.tokens_visible_to(self.request.auth.actor).select_related("membership__user")

    @extend_schema(
        operation_id="tokens_list",
        summary="List tokens",
        description="Your own; an owner sees the whole organisation's, an operator all. Never the secrets.",
        tags=TAGS,
        responses={200: TokenSerializer(many=True), **problems(422)},
    )
    def get(self, request: Request) -> Response:
        filters_of(request, NoFilters)
        return self.list(request)

    @extend_schema(
        operation_id="tokens_derive",
        summary="Derive a narrower token",
        description=(
            "The new token belongs to the same membership, carries scopes of the token in use only and never "
            "`tokens:write`, expires no later, and is revoked together with it. Its secret is in this answer and "
            "nowhere else; therefore the answer is not kept for a repeated request, and a lost one is mended by "
            "revoking the token and deriving another."
        ),
        request=TokenRequestSerializer,
        tags=TAGS,
        responses={201: NewTokenSerializer, **problems(400, 404, 422)},
        examples=[OpenApiExample("Orders, read only, 30 days", WANTED, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        wanted = TokenRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        token, secret = services.derive_token(
            actor=request.auth.actor,
            parent_id=request.auth.id,
            name=wanted.validated_data["name"],
            scopes=wanted.validated_data["scopes"],
            lifetime=datetime.timedelta(days=wanted.validated_data["days"]),
        )
        token.secret = secret
        headers = {"Cache-Control": "no-store"}
        return Response(NewTokenSerializer(token).data, status=status.HTTP_201_CREATED, headers=headers)


class TokenView(APIView):
    """One token."""

    scopes = {"DELETE": Scope.TOKENS_WRITE}

    @extend_schema(
        operation_id="tokens_revoke",
        summary="Revoke a token",
        description="The token and all derived from it stop working at once. A token may revoke itself.",
        tags=TAGS,
        responses={204: None, **problems(404)},
    )
    def delete(self, request: Request, token_id: uuid.UUID) -> Response:
        services.revoke_token(actor=request.auth.actor, token_id=token_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
