"""Money over HTTP: read only. It moves by placing, accepting or ending orders, and by settlement."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.openapi import problems
from market.ledger import selectors
from market.ledger.api import serializers

TAGS = ["ledger"]
WALLET = {
    "account": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10",
    "organization": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
    "kind": "wallet",
    "amount": 9000000,
    "currency": "CNY",
    "remittance_code": "QSK7MP3XQ4G",
}
TRANSFER = {
    "id": "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10",
    "tx_id": "019b0a54-4444-7d3a-8f57-2b9d3c1e7a10",
    "kind": "escrow",
    "amount": 128000,
    "currency": "CNY",
    "debit": {
        "account": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10",
        "organization": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10",
        "kind": "wallet",
    },
    "credit": {
        "account": "019b0a54-5555-7d3a-8f57-2b9d3c1e7a10",
        "organization": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10",
        "kind": "escrow",
    },
    "subject_type": "order",
    "subject_id": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
    "business_key": "order:019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10:escrow",
    "posted_at": "2026-11-23T02:31:00Z",
}


class Balances(GenericAPIView):
    """What is in the accounts you may see."""

    scopes = {"GET": Scope.LEDGER_READ}
    serializer_class = serializers.BalanceSerializer

    @extend_schema(
        operation_id="balances_list",
        summary="List balances",
        description="Your organisation's wallet, escrow and payable. Auditors see every account; commission, VAT and "
        "bank clearing are then the sums of their transfers, and all accounts together come to 0.",
        tags=TAGS,
        parameters=[serializers.BalanceFilters],
        responses={200: serializers.BalanceSerializer(many=True), **problems(400, 422)},
        examples=[OpenApiExample("wallet", WALLET, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """A page of balances."""
        filters = filters_of(request, serializers.BalanceFilters)
        accounts = selectors.accounts_visible_to(request.auth.actor).filter(**filters)
        page = self.paginate_queryset(accounts)
        return self.get_paginated_response(serializers.BalanceSerializer(page, many=True).data)


class Transfers(GenericAPIView):
    """Movements of money you may see."""

    scopes = {"GET": Scope.LEDGER_READ}
    serializer_class = serializers.TransferSerializer

    @extend_schema(
        operation_id="transfers_list",
        summary="List transfers",
        description="Every movement of money into or out of your organisation's accounts, or of all for auditors; "
        "newest first. A transfer never changes: a mistake is corrected by another.",
        tags=TAGS,
        parameters=[serializers.TransferFilters],
        responses={200: serializers.TransferSerializer(many=True), **problems(400, 422)},
        examples=[OpenApiExample("into escrow", TRANSFER, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """A page of transfers."""
        filters = filters_of(request, serializers.TransferFilters)
        transfers = selectors.filter_transfers(selectors.transfers_visible_to(request.auth.actor), **filters)
        page = self.paginate_queryset(transfers)
        return self.get_paginated_response(serializers.TransferSerializer(page, many=True).data)
