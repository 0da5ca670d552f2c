"""Statements as files: the same figures in every form, text that stays text, Chinese that can be read."""

import csv
import hashlib
import io
import itertools
import tracemalloc
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

import pypdfium2
import pytest
from django.db import connection

from accounts.models import Organization
from market.documents import writers
from market.documents.downloads import statement_file
from market.documents.periods import month
from market.documents.writers import FORMS
from market.kernel import spreadsheets
from market.kernel.money import from_text
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.reports.exporters.base import SafeText
from tests import factories
from tests.documents import books
from tests.documents.books import NOVEMBER, day

pytestmark = pytest.mark.django_db

FORMULA = '=HYPERLINK("http://evil.example","总部")'


@pytest.fixture
def market() -> factories.Market:
    return books.market_with_books()


def download(market: factories.Market, form: str, **query) -> bytes:
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    answer = client.get(f"/api/v1/account-statements/{payable.id}/statement.{form}", {"month": "2026-11", **query})
    assert answer.status_code == 200, answer.data
    content = b"".join(answer.streaming_content)
    assert answer["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert int(answer["Content-Length"]) == len(content)
    assert answer["Content-Disposition"] == f'attachment; filename="payable-20261101-20261130.{form}"'
    return content


def cells_of(workbook: bytes) -> list[list[str]]:
    """What stands in the rows of the first sheet; no cell may hold a formula."""
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    assert not list(sheet.iter(f"{name}f"))
    return [["".join(cell.itertext()) for cell in row.iter(f"{name}c")] for row in sheet.iter(f"{name}row")]


def text_of(paper: bytes) -> str:
    """All of it without white space: a long name is broken where the column ends."""
    with pypdfium2.PdfDocument(paper) as document:
        return "".join("".join(page.get_textpage().get_text_bounded() for page in document).split())


def test_csv_adds_up_line_by_line(market):
    rows = list(csv.DictReader(io.StringIO(download(market, "csv").decode())))
    opening, *movements, closing = rows
    assert (opening["act"], closing["act"]) == ("opening_balance", "closing_balance")
    balance = int(opening["balance_fen"])
    for row in movements:
        balance += int(row["change_fen"])
        assert int(row["balance_fen"]) == balance
        assert from_text(row["change_yuan"].lstrip("-")) == abs(int(row["change_fen"]))
    assert balance == int(closing["balance_fen"]) == 4_467
    assert [row["act"] for row in movements] == ["capture_net", "payout", "capture_net"]
    assert (movements[0]["gross_fen"], movements[0]["commission_fen"], movements[0]["vat_fen"]) == (
        "10000",
        "500",
        "566",
    )
    assert movements[1]["gross_fen"] == ""
    assert movements[0]["posted_at"] == "2026-11-05T12:00:00.000000+08:00"


def test_a_workbook_holds_numbers_and_texts_only(market):
    Organization.objects.filter(id=market.buyer.id).update(name=FORMULA)
    rows = cells_of(download(market, "xlsx", language="zh-hans"))
    assert rows[0] == ["对账单"]
    assert rows[1][1] == market.vendor.name
    opening, sale, payout, other, closing = rows[-5:]
    assert Decimal(opening[-1]) == Decimal("89.34")
    assert sale[3] == FORMULA
    assert [Decimal(cell) for cell in sale[-2:]] == [Decimal("89.34"), Decimal("178.68")]
    assert [Decimal(cell) for cell in payout[-2:]] == [Decimal("178.68"), Decimal("0")]
    assert [Decimal(cell) for cell in closing[-3:]] == [Decimal("134.01"), Decimal("178.68"), Decimal("44.67")]
    assert other[3] == FORMULA


def test_a_name_that_is_a_formula_is_a_text_in_csv(market):
    Organization.objects.filter(id=market.buyer.id).update(name=FORMULA)
    rows = list(csv.DictReader(io.StringIO(download(market, "csv").decode())))
    assert rows[1]["counterparty"] == f"'{FORMULA}"
    # A number that begins with a minus is a number: it is added up.
    assert rows[2]["change_yuan"] == "-178.68"


def test_paper_can_be_read_in_chinese_and_in_english(market):
    Organization.objects.filter(id=market.buyer.id).update(name="遵义#[食品]*有限_公司 $x$ \U0001f600")
    paper = download(market, "pdf", language="zh-hans")
    text = text_of(paper)
    for words in ("对账单", market.vendor.name, "遵义#[食品]*有限_公司 $x$ [U+1F600]", "178.68", "期末余额", "UTC+8"):
        assert words.replace(" ", "") in text, words
    assert b"/FontFile" in paper
    assert "Accountstatement" in text_of(download(market, "pdf", language="en"))


def test_the_form_speaks_the_reader_s_language(market):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    address = f"/api/v1/account-statements/{payable.id}/statement.xlsx?month=2026-11"
    answer = client.get(address, headers={"Accept-Language": "zh-hans", "Accept": "application/nonsense"})
    assert answer["Content-Language"] == "zh-hans"
    assert cells_of(b"".join(answer.streaming_content))[0] == ["对账单"]


def test_whoever_has_the_file_is_told_so(market):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    address = f"/api/v1/account-statements/{payable.id}/statement.csv?month=2026-11"
    tag = client.get(address)["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    books.sold(market, day(NOVEMBER, 29))
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_a_statement_that_is_too_long_for_its_form_says_which_takes_it(market, monkeypatch):
    form = FORMS["pdf"]
    monkeypatch.setitem(FORMS, "pdf", writers.Form(form.write, form.content_type, 2))
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    answer = client.get(f"/api/v1/account-statements/{payable.id}/statement.pdf", {"month": "2026-11"})
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["lines"], problem["limit"]) == ("statement_too_long", 3, 2)
    assert "CSV" in problem["detail"]


def test_an_account_without_movements_has_a_statement_too(market):
    client, payable = factories.api_client(market.vendor_finance), books.account(market.vendor)
    for form in FORMS:
        answer = client.get(f"/api/v1/account-statements/{payable.id}/statement.{form}", {"month": "2020-01"})
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)


def test_python_and_postgresql_agree_about_what_a_formula_is():
    beginnings = {chr(code) for code in itertools.chain(range(1, 256), (0x3000, 0xFF1D, 0xFF0B, 0xFF0D, 0xFF20))}
    with connection.cursor() as cursor:
        for text in ("", *(f"{letter}1" for letter in sorted(beginnings))):
            cursor.execute("SELECT " + SafeText.template % {"expressions": "%s::text"}, [text])
            assert cursor.fetchone()[0] == spreadsheets.safe_text(text), text


MANY = """
INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type,
                             subject_id, business_key, posted_at)
SELECT gen_random_uuid(), gen_random_uuid(), bank.id, %(wallet)s, 1, 'CNY', 'deposit', 'deposit', gen_random_uuid(),
       'deposit:MANY-' || number, %(begins)s + number * interval '1 second'
  FROM generate_series(%(first)s::int, %(last)s::int) AS number
  JOIN ledger_account AS bank ON bank.kind = 'bank'
"""


def peak_of(account: Account, form: str) -> int:
    """The most memory (bytes) that Python held while the file was written."""
    tracemalloc.start()
    try:
        statement_file(account, month("2026-05"), form, "en").close()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_memory_does_not_grow_with_the_lines(market, form):
    wallet = books.account(market.buyer, AccountKind.WALLET)
    period = month("2026-05")
    peak_of(wallet, form)  # what is loaded once
    peaks = []
    for first, last in ((1, 3_000), (3_001, 15_000)):
        with connection.cursor() as cursor:
            cursor.execute(MANY, {"wallet": wallet.id, "begins": period.begins, "first": first, "last": last})
        peaks.append(peak_of(wallet, form))
    few, many = peaks
    assert many < 1.3 * few, peaks
