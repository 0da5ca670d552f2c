"""The same way with a real browser: what people click, type and see. Chromium without a screen."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import Membership
from accounts.states import Capacity
from market.catalog.models import Product
from tests import factories
from tests.journeys.programs import Program

CONTENT = "站点,月份,毫米\n贵阳,2026-01,31.5\n遵义,2026-01,28.1\n".encode()
WIDE = {"width": 1400, "height": 900}


class Desk:
    """One person's browser window on one workspace. A script error on any page fails the test."""

    def __init__(self, browser: Browser, address: str, workspace: str, person: Membership) -> None:
        self.address = address
        self.context = browser.new_context(viewport=WIDE, accept_downloads=True)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{address}/{workspace}/")
        self.page.fill("input[name=username]", person.user.email)
        self.page.fill("input[name=password]", factories.PASSWORD)
        self.page.click("button[type=submit]")
        expect(self.page).to_have_url(f"{address}/{workspace}/")

    def follow(self, text: str) -> None:
        """Click a link or button by what it says; an icon's name may stand beside it."""
        name = re.compile(rf"(^|\s){re.escape(text)}(\s[a-z_]+)?$")
        self.page.get_by_role("link", name=name).or_(self.page.get_by_role("button", name=name)).first.click()

    def send(self, label: str) -> None:
        """Press the act's own button on the page that asks about it, and land on the object's page again."""
        self.page.locator("main button[type=submit], form button[type=submit]").get_by_text(label, exact=True).click()
        expect(self.page.get_by_text(f"Done: {label}.")).to_be_visible()


@pytest.fixture
def desk(chromium, web) -> Iterator:
    opened: list[Desk] = []

    def sit_down(workspace: str, person: Membership) -> Desk:
        opened.append(Desk(chromium, web, workspace, person))
        return opened[-1]

    yield sit_down
    errors = [error for one in opened for error in one.errors]
    for one in opened:
        one.context.close()
    assert not errors


@pytest.mark.django_db(transaction=True)
def test_lister_operator_and_auditor_do_their_work(desk, web, worker, wait_until):
    people = factories.market(funds=2_000_00)
    product = list_product(desk("vendor", people.lister))
    approve(desk("admin", people.operator), product)
    number = buy(web, people, product, wait_until)
    audit(desk("auditor", people.auditor), people, number)


def list_product(lister: Desk) -> Product:
    page = lister.page
    lister.follow("Products")
    page.locator("a[href$='/vendor/catalog/product/add/']").first.click()
    page.fill("input[name=code]", "RAIN-2026")
    page.fill("input[name=title]", "贵州降水月报")
    page.fill("textarea[name=description]", "逐月降水。")
    page.select_option("select[name=kind]", "dataset")
    page.select_option("select[name=sector]", "M")
    page.select_option("select[name=rights_basis]", "operation")
    page.click("button[name=_save]")
    expect(page).to_have_url(re.compile(r"/vendor/catalog/product/[0-9a-f-]{36}/change/"))
    product_page = page.url

    lister.follow("Start a revision")
    lister.send("Start a revision")
    expect(page).to_have_url(re.compile(r"/vendor/catalog/revision/"))
    lister.follow("Upload files")
    page.set_input_files("input[type=file]", {"name": "降水.csv", "mimeType": "text/csv", "buffer": CONTENT})
    lister.send("Upload files")
    expect(page.get_by_text("降水.csv").first).to_be_visible()
    lister.follow("Publish")
    lister.send("Publish")

    page.goto(product_page)
    lister.follow("Make an offer")
    page.select_option("select[name=price_model]", "one_off")
    page.fill("input[name=amount]", "1280.50")
    page.fill("textarea[name=licence]", "仅限内部使用。")
    lister.send("Make an offer")
    lister.follow("Submit for review")
    lister.send("Submit for review")
    product = Product.objects.get(code="RAIN-2026")
    assert product.state == "in_review"
    assert product.revisions.get().assets.get().bytes == len(CONTENT)
    assert product.offers.get().amount == 1_280_50
    return product


def approve(operator: Desk, product: Product) -> None:
    page = operator.page
    operator.follow("Reviews")
    page.get_by_role("link", name="贵州降水月报").first.click()
    expect(page.get_by_text("降水.csv").first).to_be_visible()
    operator.follow("Approve")
    for box in page.locator("main input[type=checkbox], form input[type=checkbox]").all():
        box.check()
    page.fill("textarea[name=reasons]", "已核对。")
    operator.send("Approve")
    product.refresh_from_db()
    assert product.state == "listed" and product.certificate_number


def buy(web: str, people: factories.Market, product: Product, wait_until) -> str:
    """Two orders of two vendors, by API; the number of the one that the auditor will look for."""
    other = factories.product(factories.organization(Capacity.VENDOR, name="安顺花江数据有限公司"))
    factories.revision(other)
    buyer = Program(web, people.purchaser)
    for number, offer in enumerate((factories.offer(other, 50_00), product.offers.get())):
        order = {"offer": str(offer.id), "quantity": 1, "purpose": "防汛分析", "client_reference": f"PO-{number}"}
        placed = buyer.post("orders", order, key=f"po-{number}")
    wait_until(lambda: len(buyer.get("orders", state="delivered")["results"]) == 2, "delivery", seconds=30)
    return placed["number"]


def audit(auditor: Desk, people: factories.Market, number: str) -> None:
    """The auditor finds one order among the delivered ones, then exports what that vendor sold."""
    page = auditor.page
    auditor.follow("Orders")
    page.locator("a", has_text="Filters").first.click()
    page.locator("#changelist-filter a[title='delivered']").click()
    expect(page).to_have_url(re.compile("state__exact=delivered"))
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)
    page.fill("input[name=q]", number)
    page.press("input[name=q]", "Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name=number).first.click()
    expect(page.get_by_text(people.vendor.name).first).to_be_visible()

    auditor.follow("Reports")
    page.locator("a[href$='/auditor/reports/report/add/']").first.click()
    page.locator("#id_vendor + .select2 .select2-selection").click()
    page.fill(".select2-search__field", people.vendor.name[:4])
    page.locator(".select2-results__option", has_text=people.vendor.name).click()
    auditor.follow("Export")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    content = Path(download.value.path()).read_bytes()
    expect(page.get_by_text(hashlib.sha256(content).hexdigest())).to_be_visible()
    (row,) = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert (row["order_number"], row["vendor_name"], row["amount_fen"]) == (number, people.vendor.name, "128050")
