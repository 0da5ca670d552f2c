"""Worked examples for the OpenAPI description."""

from drf_spectacular.utils import OpenApiExample

VENDOR = {"id": "0192f3c1-7a10-7c7e-9d5f-3a1b2c4d5e6f", "name": "黔云数据有限公司"}
OFFER = {
    "id": "0192f3c4-1b2c-7d3e-8f40-516273849506",
    "price_model": "one_off",
    "amount": 128000,
    "currency": "CNY",
    "acceptance_days": 7,
    "valid_until": None,
    "is_private": False,
}
PRICE = {
    "model": "one_off",
    "amount": 128000,
    "currency": "CNY",
    "months": 0,
    "is_instalment": False,
    "trial_days": 0,
    "renewal_notice_days": None,
    "includes_later_revisions": False,
    "unit": "",
    "unit_price": 0,
    "free_units": 0,
    "monthly_cap": None,
    "at_prepaid_end": "",
    "tier_mode": "",
    "tiers": [],
}
SENTENCE = {"en": "CNY 1280.00", "zh-hans": "CNY 1280.00"}
PRODUCT = {
    "id": "0192f3c2-0d1e-7f20-a131-425364758697",
    "code": "MET-HOURLY",
    "title": "贵州逐小时气象观测",
    "summary": "全省 84 个国家站逐小时观测，含温度、降水、风。",
    "kind": "dataset",
    "sector": "M",
    "grade": "general",
    "has_personal_information": False,
    "needs_purpose_approval": False,
    "rights_basis": "operation",
    "state": "listed",
    "certificate_number": "QS-2026-K5T2QW7XAB",
    "listed_at": "2026-03-02T01:30:00Z",
    "latest_revision": 3,
    "vendor": VENDOR,
    "offers": [OFFER],
}
REVISION = {
    "id": "0192f3c3-2e3f-7a41-b252-637485960718",
    "number": 3,
    "state": "published",
    "notes": "补录 2026 年 2 月。",
    "data_dictionary": {"fields": [{"name": "station", "type": "string"}, {"name": "temperature", "type": "number"}]},
    "sample": [{"station": "贵阳", "temperature": "21.5"}],
    "profile": {
        "files": [
            {
                "path": "observations.csv",
                "rows": 735840,
                "complete": True,
                "encoding": "utf-8-sig",
                "delimiter": ",",
                "columns": [
                    {"name": "station", "type": "string", "missing": 0},
                    {"name": "temperature", "type": "number", "missing": 2},
                ],
            }
        ]
    },
    "published_at": "2026-03-01T08:00:00Z",
    "revoked_at": None,
    "revocation_reason": "",
    "assets": [
        {
            "id": "0192f3c3-5061-7c72-9283-a4b5c6d7e8f9",
            "path": "observations.csv",
            "media_type": "text/csv",
            "bytes": 25754400,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    ],
}
PRODUCT_DETAIL = {name: value for name, value in PRODUCT.items() if name != "summary"} | {
    "description": "全省 84 个国家站逐小时观测，含温度、降水、风。每月更新。",
    "created_at": "2026-02-20T03:00:00Z",
    "offers": [
        OFFER
        | {
            "price": PRICE,
            "sentence": SENTENCE,
            "licence": "仅限内部使用，不得转售。",
            "created_at": "2026-02-21T03:00:00Z",
        }
    ],
    "revisions": [REVISION],
}
VENDOR_DETAIL = VENDOR | {
    "uscc": "91520100MA6DJ7XQ57",
    "region": "贵阳市",
    "state": "verified",
    "sector": "M",
    "introduction": "气象与环境数据。",
    "website": "https://data.example.cn",
    "contact_email": "data@example.cn",
    "listed_products": 12,
}
UNKNOWN_PARAMETER = {
    "type": "urn:qianshu:problem:invalid_input",
    "title": "Some values are not valid",
    "status": 422,
    "code": "invalid_input",
    "instance": "/api/v1/products",
    "errors": [{"pointer": "/colour", "detail": "This member is not known here."}],
}


def response(value: dict) -> OpenApiExample:
    """An example of what comes back."""
    return OpenApiExample("example", value=value, response_only=True, status_codes=["200"])


def refusal(value: dict, status: int) -> OpenApiExample:
    """An example of a problem document."""
    return OpenApiExample("problem", value=value, response_only=True, status_codes=[str(status)])
