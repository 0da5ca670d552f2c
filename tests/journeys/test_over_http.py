"""A whole trade through the front doors: a real web server, a real worker, nobody calling a service behind their back.

The one exception is the settlement run: its command settles up to a past midnight, so it is called for this moment.
"""

import csv
import hashlib
import io

import httpx
import pytest

from accounts.models import Membership
from demo.listing import Visitor
from market.catalog.models import Product
from market.catalog.states import REVIEW_CHECKLIST
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.states import AccountKind
from market.settlement.services import create_fee_schedule, reconcile, run_settlement
from tests import factories
from tests.journeys.programs import Program

CONTENT = "站点,月份,毫米\n贵阳,2026-01,31.5\n遵义,2026-01,28.1\n".encode()
PRICE = 1_280_50


@pytest.fixture
def people(transactional_db) -> factories.Market:
    create_fee_schedule(actor=SYSTEM, commission_bps=500)
    return factories.market(funds=2_000_00)


def test_from_an_empty_shelf_to_the_auditors_file(people, web, worker, wait_until):
    product = list_product(web, people)
    approve(web, people, product)
    buyer = Program(web, people.purchaser)
    order, delivered = buy(buyer, product, wait_until)
    receive(buyer, order)
    buyer.post(f"orders/{order['id']}/accept")
    parts = settle(web, people, order, wait_until)
    export(web, people, order, parts, wait_until)
    assert reconcile().is_clean
    assert factories.balance(people.buyer, AccountKind.WALLET) == 2_000_00 - PRICE
    assert factories.balance(people.buyer, AccountKind.ESCROW) == 0
    assert delivered["acts"] == ["accept", "dispute", "amend"]


def visitor(web: str, workspace: str, person: Membership) -> Visitor:
    """Somebody of the test's market, signed in."""
    return Visitor(web, workspace, person.user.email, factories.PASSWORD)


def list_product(web: str, people: factories.Market) -> Product:
    """The lister types everything into the vendor workspace."""
    lister = visitor(web, "/vendor/", people.lister)
    answer = lister.submit(
        "/vendor/catalog/product/add/",
        code="RAIN-2026",
        title="贵州降水月报",
        description="逐月降水。",
        kind="dataset",
        sector="M",
        grade="general",
        rights_basis="operation",
    )
    product = Product.objects.get(code="RAIN-2026")
    address = f"/vendor/catalog/product/{product.id}/"
    assert answer == f"{address}change/"
    lister.act(address, "start-revision")
    revision = f"/vendor/catalog/revision/{product.revisions.get().id}/"
    lister.act(revision, "upload", files={"files": ("降水.csv", CONTENT, "text/csv")})
    lister.act(revision, "publish")
    lister.act(address, "offer", price_model="one_off", amount="1280.50", licence="仅限内部使用。", acceptance_days="7")
    lister.act(address, "submit")
    product.refresh_from_db()
    assert product.state == "in_review"
    return product


def approve(web: str, people: factories.Market, product: Product) -> None:
    """The operator reads the submission and approves it."""
    operator = visitor(web, "/admin/", people.operator)
    review = f"/admin/catalog/review/{product.reviews.get().id}/"
    page = operator.read(f"{review}change/")
    assert hashlib.sha256(CONTENT).hexdigest()[:8] in page and "1280.50" in page
    operator.act(review, "approve", reasons="已核对。", **dict.fromkeys(REVIEW_CHECKLIST, "on"))
    product.refresh_from_db()
    assert product.state == "listed"


def buy(buyer: Program, product: Product, wait_until) -> tuple[dict, dict]:
    """Found by its title, ordered twice under one key, delivered by the worker."""
    (found,) = buyer.get("products", q="降水月报")["results"]
    (offer,) = found["offers"]
    assert (found["id"], offer["amount"]) == (str(product.id), PRICE)
    wanted = {"offer": offer["id"], "quantity": 1, "purpose": "防汛分析", "client_reference": "PO-1"}
    order = buyer.post("orders", wanted, key="po-1")
    assert buyer.post("orders", wanted, key="po-1")["id"] == order["id"]
    (wallet,) = buyer.get("balances", kind="wallet")["results"]
    assert wallet["amount"] == 2_000_00 - PRICE
    delivered = wait_until(
        lambda: (seen := buyer.get(f"orders/{order['id']}"))["state"] == "delivered" and seen, "delivery", seconds=30
    )
    assert delivered["money"]["held"] == PRICE
    return order, delivered


def receive(buyer: Program, order: dict) -> None:
    """Both halves, one after the other, make the file that the catalogue described."""
    (entitlement,) = buyer.get("entitlements", order=order["id"])["results"]
    (link,) = buyer.post(f"entitlements/{entitlement['id']}/links")["links"]
    half = len(CONTENT) // 2
    first = httpx.get(link["url"], headers={"Range": f"bytes=0-{half - 1}"})
    second = httpx.get(link["url"], headers={"Range": f"bytes={half}-"})
    assert first.status_code == second.status_code == httpx.codes.PARTIAL_CONTENT
    received = first.content + second.content
    assert received == CONTENT and hashlib.sha256(received).hexdigest() == link["sha256"]


def settle(web: str, people: factories.Market, order: dict, wait_until) -> dict[str, int]:
    """The worker divides the money; the run pays the vendor, who sees it."""
    vendor = Program(web, people.vendor_finance)

    def captured() -> bool:
        kinds = {transfer["kind"] for transfer in vendor.get("transfers", subject=order["id"])["results"]}
        return "capture_net" in kinds

    wait_until(captured, "capture", seconds=30)
    run_settlement(actor=SYSTEM, cutoff=clock.now())
    (batch,) = vendor.get("settlement/batches")["results"]
    parts = {name: batch[name] for name in ("gross", "net", "commission", "vat")}
    assert parts["gross"] == PRICE == parts["net"] + parts["commission"] + parts["vat"]
    assert parts["commission"] == 6403 and parts["net"] > parts["vat"] > 0  # 5 % of 1,280.50 is 64.025
    (payout,) = vendor.get("settlement/payouts")["results"]
    assert (payout["amount"], payout["state"]) == (parts["net"], "sent")
    assert factories.balance(people.vendor, AccountKind.PAYABLE) == 0
    return parts


def export(web: str, people: factories.Market, order: dict, parts: dict[str, int], wait_until) -> None:
    """The auditor's file says the same, and is the file whose SHA-256 was announced."""
    auditor = Program(web, people.auditor)
    report = auditor.post("reports", {"exporter": "transactions"})
    report = wait_until(
        lambda: (seen := auditor.get(f"reports/{report['id']}"))["state"] == "done" and seen, "the report", seconds=30
    )
    file = auditor.client.get(f"reports/{report['id']}/file")
    assert hashlib.sha256(file.content).hexdigest() == report["sha256"]
    (row,) = csv.DictReader(io.StringIO(file.text, newline=""))
    assert row["order_number"] == order["number"] and row["state"] == "settled"
    assert row["amount_yuan"] == "1280.50"
    assert {name: int(row[f"{name}_fen"]) for name in ("net", "commission", "vat")} == {
        name: parts[name] for name in ("net", "commission", "vat")
    }
    assert row["payout_state"] == "sent"
    assert auditor.get(f"orders/{order['id']}/timeline")["results"][0]["name"] == "order.placed"
