"""What the OpenAPI description shows of subscriptions."""

from drf_spectacular.utils import OpenApiExample

_SUBSCRIPTION = {
    "id": "019b0a54-aaaa-7d3a-8f57-2b9d3c1e7a10",
    "state": "running",
    "acts": ["cancel"],
    "next_deadline": {"what": "payment", "at": "2027-02-16T16:00:00Z"},
    "order": {"id": "019b0a54-0000-7d3a-8f57-2b9d3c1e7a10", "number": "QS20270117-B2K7QXWJNA", "quantity": 1},
    "buyer": {"id": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
    "vendor": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
    "product": {"id": "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10", "code": "weather-hourly", "title": "气象观测"},
    "starts_on": "2027-01-17",
    "ends_before": "2027-04-17",
    "is_in_trial": False,
    "amount": 30000,
    "currency": "CNY",
    "is_instalment": True,
    "next_payment": {"due_on": "2027-02-17", "amount": 10000, "currency": "CNY"},
    "renewal": "automatic",
    "notice_on": "2027-03-18",
    "notified_at": None,
    "suspends_at": None,
    "lapses_at": None,
    "began_at": "2027-01-17T02:31:04Z",
    "ended_at": None,
    "end_reason": "",
    "renewed_by": None,
    "renewal_refusal": "",
}
SUBSCRIPTION = OpenApiExample("subscription", response_only=True, value=_SUBSCRIPTION)
SUBSCRIPTION_DETAIL = OpenApiExample(
    "subscription with its months",
    response_only=True,
    value=_SUBSCRIPTION
    | {
        "periods": [
            {
                "number": 1,
                "starts_on": "2027-01-17",
                "ends_before": "2027-02-17",
                "due_on": "2027-01-17",
                "amount": 10000,
                "currency": "CNY",
                "state": "funded",
                "funded_at": "2027-01-17T02:31:04Z",
                "charged_at": None,
            },
            {
                "number": 2,
                "starts_on": "2027-02-17",
                "ends_before": "2027-03-17",
                "due_on": "2027-02-17",
                "amount": 10000,
                "currency": "CNY",
                "state": "planned",
                "funded_at": None,
                "charged_at": None,
            },
        ]
    },
)
