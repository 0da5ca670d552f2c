"""Contracts in words: what they say, that they can be read anywhere, and that today's data does not enter them."""

import hashlib
import json
import re

import pypdfium2
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pypdfium2.raw import FPDFFont_GetIsEmbedded, FPDFTextObj_GetFont

from accounts.models import Organization
from market.catalog.models import Offer, Product
from market.kernel import clock
from market.kernel.money import MAX_AMOUNT
from market.kernel.paper import FONT_FILES
from market.orders.contracts import LANGUAGES, as_html, as_pdf, contract_of
from market.orders.contracts.capitals import capitals
from market.orders.models import OrderTerms
from tests import factories
from tests.orders.trades import place

PARTS = {
    "subscription": {
        "rule": {"model": "subscription", "amount": 5_000, "months": 3, "is_instalment": True, "trial_days": 14}
        | {"renewal_notice_days": 30},
        "lines": [{"reason": "price", "tier": 0, "quantity": 6, "unit_price": 50_000_000, "flat": 0}],
        "total": 30_000,
        "term": {"starts_on": "2027-01-31", "ends_before": "2027-04-30"},
        "payments": [
            {"number": 1, "due_on": "2027-01-31", "amount": 10_000},
            {"number": 2, "due_on": "2027-02-28", "amount": 10_000},
            {"number": 3, "due_on": "2027-03-31", "amount": 10_000},
        ],
    },
    "metered": {
        "rule": {"model": "metered", "amount": 10_000, "months": 12, "trial_days": 0, "unit": "call", "unit_price": 3}
        | {"free_units": 1_000, "monthly_cap": 500_000, "at_prepaid_end": "stop"},
        "lines": [{"reason": "prepayment", "tier": 0, "quantity": 2, "unit_price": 100_000_000, "flat": 0}],
        "total": 20_000,
        "term": {"starts_on": "2027-01-17", "ends_before": "2028-01-17"},
        "payments": [{"number": 1, "due_on": "2027-01-17", "amount": 20_000}],
    },
    "one_off": {
        "rule": {
            "model": "one_off",
            "tier_mode": "graduated",
            "tiers": [{"up_to": 2, "unit_price": 1_000_000, "flat": 0}, {"up_to": None, "unit_price": 333, "flat": 7}],
        },
        "lines": [
            {"reason": "tier", "tier": 1, "quantity": 2, "unit_price": 1_000_000, "flat": 0},
            {"reason": "tier", "tier": 2, "quantity": 3, "unit_price": 333, "flat": 7},
        ],
        "total": 207,
    },
}
HOSTILE = "<script>alert(1)</script> #strong[x] $a$ {{ order }} & \u202egnorw 😀 C:\\x"


def terms_with(**changes) -> OrderTerms:
    """Unsaved terms of a plain order; ``changes`` are members of the document to merge in."""
    document = {
        "schema": "qianshu.order-terms/1",
        "order": {
            "id": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
            "number": "QS20261123-B2K7QXWJNA",
            "client_reference": "PO-2026-0117",
            "placed_at": "2026-11-23T16:31:00.123456Z",
            "purpose": "Cold-chain planning.",
            "quantity": 2,
            "amount": 20_000,
            "currency": "CNY",
        },
        "buyer": {"id": "b", "name": "遵义食品有限公司", "uscc": factories.valid_uscc(1)},
        "vendor": {"id": "v", "name": "黔云数据有限公司", "uscc": factories.valid_uscc(2)},
        "product": {
            "id": "p",
            "code": "weather-hourly",
            "title": "气象观测",
            "kind": "dataset",
            "grade": "general",
            "has_personal_information": False,
            "rights_basis": "operation",
            "certificate_number": "QS-DJ-1",
        },
        "revision": {"id": "r", "number": 3, "manifest_sha256": "9f" * 32},
        "offer": {
            "id": "o",
            "price_model": "one_off",
            "amount": 10_000,
            "currency": "CNY",
            "licence": "仅限内部使用。\n不得转让。",
            "acceptance_days": 7,
        },
    }
    for name, value in changes.items():
        document[name] = document.get(name, {}) | value
    text = json.dumps(document, ensure_ascii=False)
    return OrderTerms(document=text, sha256=hashlib.sha256(text.encode()).hexdigest(), created_at=clock.now())


def page_of(terms: OrderTerms, language: str) -> str:
    return as_html(contract_of(terms, language))


def text_of(pdf: bytes) -> str:
    """What a reader can copy out of the file, without the line breaks that the layout made."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    return re.sub(r"\s+", "", "".join(pages).replace("\u200b", "").replace("\ufffe", ""))


def words_of(page: str) -> str:
    """The text of a page that holds nothing hostile, in the same form."""
    body = re.sub(r"<style>.*?</style>|<title>.*?</title>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", body).replace("&#x27;", "'"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", ["plain", *PARTS])
def test_page_and_file_say_the_same(model, language):
    changes = {} if model == "plain" else {"price": PARTS[model]}
    terms = terms_with(**changes)
    page, file = words_of(page_of(terms, language)), text_of(as_pdf(contract_of(terms, language)))
    for contract_section in contract_of(terms, language).sections:
        values = [contract_section.heading, *contract_section.paragraphs]
        values += [text for fact in contract_section.facts for text in fact]
        for value in values:
            wanted = re.sub(r"\s+", "", value)
            assert wanted in page and wanted in file, value
    assert terms.sha256 in file and factories.valid_uscc(1) in file and "遵义食品有限公司" in file


def test_prices_are_written_out():
    english = {model: words_of(page_of(terms_with(price=price), "en")) for model, price in PARTS.items()}
    assert (
        "CNY50.00amonthfor3months,paidbythemonth,after14daysoftrial,renewedunlesscancelled,withnotice30daysbefore"
        in (english["subscription"])
    )
    assert "1Jan.31,2027100.002Feb.28,2027100.003March31,2027100.00" in english["subscription"]
    assert "CNY0.000003percall,thefirst1000amonthfree,atmostCNY5000.00amonth" in english["metered"]
    assert "unitsoftier230.0003330.070.070999" in english["one_off"]
    chinese = words_of(page_of(terms_with(price=PARTS["subscription"]), "zh-hans"))
    assert "CNY300.00（人民币叁佰元整）" in chinese
    assert "2027年2月28日" in chinese


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_a_party_wrote_becomes_markup_or_hides(language):
    terms = terms_with(order={"purpose": HOSTILE}, product={"title": HOSTILE}, offer={"licence": HOSTILE})
    page = page_of(terms, language)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "\u202e" not in page and page.count("[U+202E]gnorw") == 3
    file = text_of(as_pdf(contract_of(terms, language)))
    assert file.count("<script>alert(1)</script>#strong[x]$a${{order}}&[U+202E]gnorw[U+1F600]C:\\x") == 3


def test_long_texts_stay_on_the_page():
    licence = "a" * 3_000 + "\n" + "数据" * 3_000
    pdf = as_pdf(contract_of(terms_with(offer={"licence": licence}), "zh-hans"))
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) > 3
        for page in document:
            for shown in page.get_objects(filter=[1]):
                left, _bottom, right, _top = shown.get_bounds()
                assert left >= 0 and right <= page.get_width() - 60
    assert text_of(pdf).count("数据" * 3_000) <= 1 and text_of(pdf).count("a") >= 3_000


def test_the_file_brings_its_fonts_and_the_frozen_document():
    terms = terms_with()
    pdf = as_pdf(contract_of(terms, "zh-hans"))
    assert pdf == as_pdf(contract_of(terms, "zh-hans"))
    with pypdfium2.PdfDocument(pdf) as document:
        (attached,) = [document.get_attachment(index) for index in range(document.count_attachments())]
        assert attached.get_name() == "terms.json"
        assert hashlib.sha256(bytes(attached.get_data())).hexdigest() == terms.sha256
        texts = list(document[0].get_objects(filter=[1]))
        assert len(texts) > 20
        assert {FPDFFont_GetIsEmbedded(FPDFTextObj_GetFont(text)) for text in texts} == {1}
        picture = document[0].render(scale=1, grayscale=True)
        dark = sum(value < 128 for value in bytes(picture.buffer))
        assert 2_000 < dark < 60_000


@pytest.mark.django_db
def test_today_does_not_enter_the_contract():
    market = factories.market()
    order = place(market)
    terms = order.terms.get()
    before = [page_of(terms, language) for language in LANGUAGES]
    Organization.objects.filter(id__in=[order.buyer_org_id, order.vendor_org_id]).update(name="改名公司")
    Product.objects.filter(id=order.product_id).update(state="delisted")
    Offer.objects.filter(id=order.offer_id).update(state="withdrawn")
    assert [page_of(order.terms.get(), language) for language in LANGUAGES] == before


@pytest.mark.django_db
def test_over_http_in_both_forms_and_languages():
    market = factories.market()
    order = place(market)
    buyer = factories.api_client(market.purchaser)
    page = buyer.get(f"/api/v1/orders/{order.id}/contract.html?language=zh-hans", headers={"Accept": "text/html"})
    assert page.status_code == 200 and page["Content-Type"] == "text/html; charset=utf-8"
    assert '<html lang="zh-hans">' in page.content.decode() and "验收" in page.content.decode()
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src" not in policy
    by_header = buyer.get(f"/api/v1/orders/{order.id}/contract.html", headers={"Accept-Language": "zh-CN"})
    assert by_header.content == page.content
    again = buyer.get(
        f"/api/v1/orders/{order.id}/contract.html?language=zh-hans", headers={"If-None-Match": page["ETag"]}
    )
    assert again.status_code == 304
    file = buyer.get(f"/api/v1/orders/{order.id}/contract.pdf?language=en", headers={"Accept": "application/pdf"})
    assert file.status_code == 200 and file["Content-Type"] == "application/pdf"
    assert file["Content-Disposition"] == f'inline; filename="{order.number}-v1-en.pdf"'
    assert order.terms_sha256 in text_of(file.content)


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["language=fr", "version=0", "version=x", "colour=red", "version=1&version=1"])
def test_a_wrong_question_is_said_to_be_wrong(query):
    market = factories.market()
    order = place(market)
    for path in ("contract.html", "contract.pdf"):
        answer = factories.api_client(market.purchaser).get(f"/api/v1/orders/{order.id}/{path}?{query}")
        assert answer.status_code == 422, path


@pytest.mark.django_db
def test_a_version_that_is_not_there_is_not_found():
    market = factories.market()
    order = place(market)
    client = factories.api_client(market.purchaser)
    for path in ("terms", "contract.html", "contract.pdf"):
        assert client.get(f"/api/v1/orders/{order.id}/{path}?version=1").status_code == 200
        assert client.get(f"/api/v1/orders/{order.id}/{path}?version=2").status_code == 404


@pytest.mark.django_db
def test_each_workspace_leads_to_the_contract():
    market = factories.market()
    order = place(market)
    terms = order.terms.get()
    people = {"admin": market.operator, "vendor": market.lister, "auditor": market.auditor}
    for workspace, member in people.items():
        client = Client()
        client.force_login(member.user)
        shown = client.get(f"/{workspace}/orders/order/{order.id}/change/").content.decode()
        for form in ("html", "pdf"):
            path = f"/{workspace}/orders/orderterms/{terms.id}/contract.{form}"
            assert path in shown
            answer = client.get(f"{path}?language=zh-hans")
            assert answer.status_code == 200 and answer["Content-Language"] == "zh-hans"
    assert (
        "数据产品"
        in client.get(f"/auditor/orders/orderterms/{terms.id}/contract.html?language=zh-hans").content.decode()
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (50, "伍角整"),
        (100, "壹元整"),
        (1_000, "壹拾元整"),
        (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"),
        (1_005, "壹拾元零伍分"),
        (10_050_000, "壹拾万零伍佰元整"),
        (100_000_000, "壹佰万元整"),
        (10_700_053_000, "壹亿零柒佰万零伍佰叁拾元整"),
        (120_000_000_000_000, "壹万贰仟亿元整"),
        (MAX_AMOUNT, "壹拾万亿元整"),
    ],
)
def test_capital_numerals(amount, text):
    assert capitals(amount) == text


@given(st.integers(0, MAX_AMOUNT))
def test_capital_numerals_can_be_read_back(amount):
    assert read(capitals(amount)) == amount


def read(text: str) -> int:
    """Another way through: the value of capital numerals in fen."""
    digits = {digit: value for value, digit in enumerate("零壹贰叁肆伍陆柒捌玖")}
    fen = {"角": 10, "分": 1}
    total = section = digit = 0
    yuan = 0
    for letter in text.removesuffix("整"):
        if letter in digits:
            digit = digits[letter]
        elif letter in "拾佰仟":
            section += digit * {"拾": 10, "佰": 100, "仟": 1_000}[letter]
            digit = 0
        elif letter == "万":
            yuan, section, digit = (yuan + section + digit) * 10_000, 0, 0
        elif letter == "亿":
            total, yuan, section, digit = (total + yuan + section + digit) * 100_000_000, 0, 0, 0
        elif letter == "元":
            total, yuan, section, digit = (total + yuan + section + digit) * 100, 0, 0, 0
        else:
            total, digit = total + digit * fen[letter], 0
    return total


def test_what_cannot_be_written_out_is_refused():
    for amount in (-1, 10**18):
        with pytest.raises(ValueError):
            capitals(amount)


def test_the_fonts_are_those_that_were_looked_at():
    """A data-only package of others: another file under the same name would be noticed here."""
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FONT_FILES} == {
        "NotoSansSC-Regular.otf": "faa6c9df652116dde789d351359f3d7e5d2285a2b2a1f04a2d7244df706d5ea9",
        "NotoSerifSC-Regular.otf": "e8f396decc1f0963a016a989c3d8852e863d1350996f573860a80767c83a1cd3",
    }
