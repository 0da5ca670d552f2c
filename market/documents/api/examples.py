"""Examples for the OpenAPI description."""

ACCOUNT = "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10"
_BASE = f"/api/v1/account-statements/{ACCOUNT}"
_DAYS = "?date_from=2026-11-01&date_until=2026-11-30"

STATEMENT = {
    "account": ACCOUNT,
    "organization": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
    "kind": "payable",
    "currency": "CNY",
    "date_from": "2026-11-01",
    "date_until": "2026-11-30",
    "is_over": True,
    "opening": 0,
    "credited": 91340,
    "debited": 54804,
    "closing": 36536,
    "adds_up": True,
    "line_count": 3,
    "sales": {"gross": 100000, "commission": 3000, "vat": 5660},
    "lines": f"{_BASE}/lines{_DAYS}",
    "files": {
        "csv": f"{_BASE}/statement.csv{_DAYS}",
        "xlsx": f"{_BASE}/statement.xlsx{_DAYS}",
        "pdf": f"{_BASE}/statement.pdf{_DAYS}",
    },
}
LINE = {
    "id": "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10",
    "posted_at": "2026-11-12T02:31:00Z",
    "act": "capture_net",
    "amount": 54804,
    "balance": 54804,
    "reference": "QS20261112K7MP3XQ4GA",
    "counterparty": "遵义食品有限公司",
    "other_account": "escrow",
    "subject_type": "order",
    "subject_id": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
    "sale": {"gross": 60000, "commission": 1800, "vat": 3396},
}
PROFILE = {"title": "遵义食品有限公司", "tax_number": "91520300MA6DW3XY0Q"}
INVOICE_WANTED = {
    "orders": ["019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10", "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a11"],
    "kind": "special",
}
_INVOICE = "019b0a54-aaaa-7d3a-8f57-2b9d3c1e7a10"
_DOCUMENT = "019b0a54-bbbb-7d3a-8f57-2b9d3c1e7a10"
INVOICE = {
    "id": _INVOICE,
    "state": "issued",
    "kind": "special",
    "buyer": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
    "vendor": {"id": "019b0a54-2223-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
    **PROFILE,
    "amount": 100000,
    "vat": 5660,
    "refunded": 0,
    "currency": "CNY",
    "reason": "",
    "requested_at": "2026-11-24T02:31:00Z",
    "ended_at": None,
    "documents": [
        {
            "id": _DOCUMENT,
            "colour": "blue",
            "code": "",
            "number": "26522000000012345678",
            "issued_on": "2026-11-25",
            "amount": 100000,
            "media_type": "application/pdf",
            "bytes": 48213,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "recorded_at": "2026-11-25T03:12:00Z",
            "file": f"/api/v1/invoices/{_INVOICE}/documents/{_DOCUMENT}/file",
        }
    ],
    "lines": [
        {
            "order": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
            "number": "QS20261112-K7MP3XQ4GA",
            "amount": 100000,
            "vat": 5660,
            "released_at": None,
        }
    ],
}
