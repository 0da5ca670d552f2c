"""One metered contract in March 2027, for the OpenAPI description."""

from drf_spectacular.utils import OpenApiExample

_ORDER = "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10"
_STATEMENT_ID = "019b0a54-8888-7d3a-8f57-2b9d3c1e7a10"
_METER = {
    "order": _ORDER,
    "unit": "call",
    "state": "running",
    "acts": ["top_up"],
    "month": "2027-03",
    "units": 2_001_667,
    "carried": 0,
    "records": 412,
    "drawn": 600,
    "charged": 380,
    "prepaid": 5000,
    "left": 4020,
    "currency": "CNY",
    "top_ups": 0,
    "starts_at": "2027-02-01T02:00:00Z",
    "free_until": "2027-02-01T16:00:00Z",
    "ends_at": "2028-02-01T16:00:00Z",
    "warned_at": None,
    "stopped_at": None,
    "last_record_at": "2027-03-08T04:12:09Z",
    "ended_at": None,
    "next_deadline": {"what": "statement", "at": "2027-03-31T16:00:00Z"},
}
_LINES = [
    {"reason": "free_units", "text": "free units", "tier": 0, "quantity": 1000, "unit_price": 0, "flat": 0},
    {"reason": "use", "text": "use", "tier": 0, "quantity": 2_000_667, "unit_price": 3, "flat": 0},
]
_RECORD = {
    "key": "019b0a54-7777-7d3a-8f57-2b9d3c1e7a10",
    "id": "gw1-20270308-000417",
    "units": 1667,
    "used_at": "2027-03-08T04:11:58Z",
    "month": "2027-03",
    "is_trial": False,
    "drawn": 1,
    "currency": "CNY",
    "reverses": None,
    "reversed_by": None,
    "recorded_at": "2027-03-08T04:12:09Z",
}
_STATEMENT = {
    "id": _STATEMENT_ID,
    "order": {"id": _ORDER, "number": "QS20270201-B2K7QXWJNA"},
    "buyer": {"id": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
    "vendor": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
    "product": {"id": "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10", "code": "weather-api", "title": "气象观测接口"},
    "month": "2027-02",
    "unit": "call",
    "units": 1_267_667,
    "carried": 0,
    "free_units": 1000,
    "records": 355,
    "amount": 380,
    "currency": "CNY",
    "is_capped": False,
    "is_final": False,
    "closed_at": "2027-02-28T16:00:31Z",
}

METER = OpenApiExample("meter", response_only=True, value=_METER)
USAGE = OpenApiExample(
    "two days of March",
    response_only=True,
    value={
        **_METER,
        "lines": _LINES,
        "is_capped": False,
        "months": [
            {"month": "2027-02", "units": 1_267_667, "amount": 380, "statement": _STATEMENT_ID},
            {"month": "2027-03", "units": 2_001_667, "amount": 600, "statement": None},
        ],
        "days": [
            {"day": "2027-03-07", "units": 2_000_000, "records": 411, "drawn": 599},
            {"day": "2027-03-08", "units": 1667, "records": 1, "drawn": 1},
        ],
        "series": {"labels": ["2027-03-07", "2027-03-08"], "units": [2_000_000, 1667], "drawn": [599, 1]},
    },
)
REPORT = OpenApiExample(
    "a use, a correction",
    request_only=True,
    value={
        "records": [
            {"id": _RECORD["id"], "units": 1667, "used_at": "2027-03-08T12:11:58+08:00"},
            {"id": "gw1-20270307-000398-back", "reverses": "gw1-20270307-000398"},
        ]
    },
)
REPORTED = OpenApiExample(
    "one recorded, one refused",
    response_only=True,
    value={
        "recorded": 1,
        "duplicates": 0,
        "refused": 1,
        "results": [
            {"id": _RECORD["id"], "result": "recorded", "drawn": 1, "problem": None},
            {
                "id": "gw1-20270307-000398-back",
                "result": "refused",
                "drawn": None,
                "problem": {
                    "type": "urn:qianshu:problem:usage_not_reversible",
                    "title": "This cannot be taken back",
                    "status": 409,
                    "code": "usage_not_reversible",
                    "instance": f"/api/v1/orders/{_ORDER}/usage",
                    "errors": [{"pointer": "/records/1/reverses", "detail": "No record of this order has that id."}],
                },
            },
        ],
        "meter": _METER | {"acts": ["report"]},
    },
)
RECORD = OpenApiExample("record", response_only=True, value=_RECORD)
STATEMENT = OpenApiExample("statement", response_only=True, value=_STATEMENT)
STATEMENT_DETAIL = OpenApiExample(
    "with its lines",
    response_only=True,
    value=_STATEMENT | {"lines": [_LINES[0], _LINES[1] | {"quantity": 1_266_667}]},
)
