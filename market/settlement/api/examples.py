"""Examples of the OpenAPI description: one vendor's batch of two orders, and its payment."""

from drf_spectacular.utils import OpenApiExample

_VENDOR = {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"}
_BATCH_ID = "019b0f10-1a2b-7c3d-9e4f-5a6b7c8d9e0f"
_PAYMENT = {
    "id": "019b0f10-1a2b-7c3d-9e4f-5a6b7c8d9e10",
    "reference": "QS20261124K5DPQ3ZWXA7TM",
    "amount": 26802,
    "currency": "CNY",
    "state": "sent",
    "hold": "",
}
_BATCH = {
    "id": _BATCH_ID,
    "vendor": _VENDOR,
    "cutoff": "2026-11-23T16:00:00Z",
    "order_count": 2,
    "gross": 30000,
    "net": 26802,
    "carried": 0,
    "commission": 1500,
    "vat": 1698,
    "currency": "CNY",
    "payouts": [_PAYMENT],
    "created_at": "2026-11-23T16:15:04Z",
}
_LINE = {
    "id": "019b0f10-1a2b-7c3d-9e4f-5a6b7c8d9e20",
    "order": {"id": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10", "number": "QS20261123-B2K7QXWJNA"},
    "part": "whole",
    "gross": 10000,
    "net": 8934,
    "commission": 500,
    "vat": 566,
    "currency": "CNY",
    "fee_schedule_version": 1,
    "taxpayer_type": "general",
    "sector": "M",
    "volume_before": 0,
    "captured_at": "2026-11-23T07:12:09Z",
}

BATCH = OpenApiExample("batch", response_only=True, value=_BATCH)
BATCH_DETAIL = OpenApiExample(
    "batch with its lines",
    response_only=True,
    value=_BATCH | {"lines": {"next": None, "previous": None, "results": [_LINE]}},
)
PAYOUT = OpenApiExample(
    "payout",
    response_only=True,
    value=_PAYMENT
    | {
        "batch": _BATCH_ID,
        "vendor": _VENDOR,
        "legal_moves": ["confirmed", "bounced"],
        "bank_account": "•••• 0123",
        "bank_code": "102100099996",
        "sent_at": "2026-11-23T16:15:04Z",
        "ended_at": None,
        "bounce_reason": "",
        "created_at": "2026-11-23T16:15:04Z",
    },
)
FEE_SCHEDULE = OpenApiExample(
    "5 % commission",
    response_only=True,
    value={
        "id": "019b0a00-0000-7d3a-8f57-2b9d3c1e7a10",
        "version": 1,
        "commission_bps": 500,
        "tiers": [{"from_volume": 100000000, "commission_bps": 400}],
        "special_rates": [{"vendor": None, "sector": "J", "commission_bps": 300, "tiers": []}],
        "vat_general_bps": 600,
        "vat_small_scale_bps": 100,
        "effective_from": "2026-10-31T16:00:00Z",
        "has_begun": True,
        "created_at": "2026-10-20T03:00:00Z",
    },
)
