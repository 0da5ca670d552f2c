"""One quote, told from its first round to its order, for the OpenAPI description."""

from drf_spectacular.utils import OpenApiExample

from market.catalog.api.examples import PRODUCT_DETAIL

_PRODUCT = "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10"
_OFFER = PRODUCT_DETAIL["offers"][0] | {
    "id": "019b0a54-5555-7d3a-8f57-2b9d3c1e7a10",
    "acceptance_days": 10,
    "is_private": True,
    "licence": "Internal use at all sites of the buyer and its three subsidiaries.",
    "created_at": "2026-11-23T06:10:00Z",
    "valid_until": "2026-12-07T16:00:00Z",
}
_QUOTE = {
    "id": "019b0a54-7777-7d3a-8f57-2b9d3c1e7a10",
    "number": "QT20261123-K5QZ7M2XAB",
    "state": "offered",
    "waiting_for": "buyer",
    "legal_moves": ["asked", "accepted", "declined", "expired"],
    "acts": ["accept", "counter", "decline"],
    "next_deadline": {"what": "acceptance", "at": _OFFER["valid_until"]},
    "buyer": {"id": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
    "vendor": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
    "product": {"id": _PRODUCT, "code": "weather-hourly", "title": "气象观测"},
    "purpose": "Cold-chain planning for 2027.",
    "volume": 12,
    "current_offer": {**_OFFER, "least_quantity": 12},
    "order": None,
    "round_count": 2,
    "asked_at": "2026-11-23T02:31:00Z",
    "last_round_at": "2026-11-23T06:10:00Z",
    "closed_at": None,
}
_ROUNDS = [
    {
        "number": 1,
        "side": "buyer",
        "act": "ask",
        "role": "purchaser",
        "actor": "buyer@example.cn",
        "message": "We would take twelve at once. May our three subsidiaries use them too?",
        "volume": 12,
        "offer": None,
        "valid_until": None,
        "at": "2026-11-23T02:31:00Z",
    },
    {
        "number": 2,
        "side": "vendor",
        "act": "offer",
        "role": "lister",
        "actor": None,
        "message": "At the listed price, from twelve units on.",
        "volume": 12,
        "offer": _OFFER,
        "valid_until": _OFFER["valid_until"],
        "at": "2026-11-23T06:10:00Z",
    },
]

QUOTE = OpenApiExample("an offer to accept", response_only=True, value=_QUOTE)
QUOTE_DETAIL = OpenApiExample("with its rounds", response_only=True, value={**_QUOTE, "rounds": _ROUNDS})
ASK = OpenApiExample(
    "twelve units",
    request_only=True,
    value={
        "product": _PRODUCT,
        "purpose": _QUOTE["purpose"],
        "message": _ROUNDS[0]["message"],
        "volume": 12,
    },
)
COUNTER = OpenApiExample(
    "a counter-proposal", request_only=True, value={"message": "At 1000 yuan each we would sign today.", "volume": 12}
)
ACCEPT = OpenApiExample(
    "all twelve",
    request_only=True,
    value={"offer": _OFFER["id"], "quantity": 12, "client_reference": "PO-2026-0117"},
)
