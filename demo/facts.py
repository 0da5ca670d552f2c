"""What the exchange says after the trade: by its API, by its database, by the auditor's file. Nothing remembered."""

import csv
import dataclasses
import datetime
import io
from collections import Counter
from typing import Any

from django.db import connection

from demo.contracts import ContractFacts, Contracts
from demo.job import Run
from market.kernel import clock
from market.settlement.services import Reconciliation, reconcile

HISTORY = datetime.timedelta(days=60)


@dataclasses.dataclass(slots=True)
class Facts:
    """Amounts are fen; ``orders``, ``transfers`` and ``rows`` are those of this run."""

    orders: dict[str, dict[str, Any]]
    transfers: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    lines: dict[str, dict[str, Any]]
    payout_transfers: dict[str, int]
    deposits: dict[str, int]
    balances: Counter[str]
    accounts: int
    wallets: dict[str, int]
    escrows: dict[str, int]
    catalogue_sha256: dict[str, str]
    receipts: list[dict[str, Any]]
    vendor_view: tuple[list[dict[str, Any]], list[dict[str, Any]]]
    report: dict[str, Any]
    rows: list[dict[str, str]]
    all_rows: list[dict[str, str]]
    all_orders: list[dict[str, Any]]
    contracts: ContractFacts
    database: dict[str, int]
    schedules: dict[int, dict[str, Any]]
    reconciliation: Reconciliation
    dead_jobs: int
    revoked_tokens: int

    def moved(self, kind: str) -> int:
        """Fen moved for this run's orders by transfers of ``kind``."""
        return sum(transfer["amount"] for transfer in self.transfers if transfer["kind"] == kind)

    def states(self) -> Counter[str]:
        """How many of this run's orders are in which state."""
        return Counter(order["state"] for order in self.orders.values())


def gather(run: Run, contracts: Contracts, report: dict[str, Any]) -> Facts:
    """Read everything back. The database is asked by SQL of our own, not by the exchange's selectors."""
    since = clock.business_date(run.started_at - HISTORY).isoformat()
    all_orders = list(run.auditor.pages("orders", placed_from=since))
    orders = {order["id"]: order for order in all_orders if order["client_reference"].startswith(f"{run.name}-")}
    transfers = list(run.auditor.pages("transfers", posted_from=since))
    balances = list(run.auditor.pages("balances"))
    all_rows = _csv(run)
    batches, lines = _settlement(run)
    buyers = {str(membership.organization_id) for membership in run.purchasers}
    return Facts(
        orders=orders,
        transfers=[transfer for transfer in transfers if transfer["subject_id"] in orders],
        batches=batches,
        lines=lines,
        payout_transfers={
            transfer["subject_id"]: transfer["amount"] for transfer in transfers if transfer["kind"] == "payout"
        },
        deposits={
            transfer["credit"]["organization"]: transfer["amount"]
            for transfer in transfers
            if transfer["business_key"].startswith(f"deposit:{run.name}-")
        },
        balances=_by_kind(balances),
        accounts=len(balances),
        wallets=_of_kind(balances, "wallet", buyers),
        escrows=_of_kind(balances, "escrow", buyers),
        catalogue_sha256=_catalogue(run),
        receipts=_receipts(run),
        vendor_view=_vendor_view(run, batches),
        report=report,
        rows=[row for row in all_rows if row["client_reference"].startswith(f"{run.name}-")],
        all_rows=all_rows,
        all_orders=all_orders,
        contracts=contracts.read(transfers, all_rows),
        database=_database(run),
        schedules={row["version"]: row for row in run.auditor.pages("settlement/fee-schedules")},
        reconciliation=reconcile(),
        dead_jobs=_count("SELECT count(*) FROM outbox_job WHERE state = 'dead' AND subject_id = ANY (%s)", run),
        # The last thing the tokens of this run are good for.
        revoked_tokens=run.leave(),
    )


def _settlement(run: Run) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """This run's batches, and their lines by order."""
    cutoff = run.seen.settlement.cutoff
    batches = [
        batch
        for batch in run.auditor.pages("settlement/batches")
        if datetime.datetime.fromisoformat(batch["cutoff"]) == cutoff
    ]
    lines = {}
    for detail in run.pool.map(lambda batch: run.auditor.get(f"settlement/batches/{batch['id']}"), batches):
        for line in detail["lines"]["results"]:
            lines[line["order"]["id"]] = line | {"batch": detail["id"]}
    return batches, lines


def _catalogue(run: Run) -> dict[str, str]:
    """SHA-256 of each ordered product's file, by product, as the catalogue tells a buyer."""
    products = {wanted.choice.product["id"] for wanted in run.plan.wanted}
    found = {}
    for detail in run.pool.map(lambda product: run.buyers[0].get(f"products/{product}"), products):
        ((asset,),) = [revision["assets"] for revision in detail["revisions"]]
        found[detail["id"]] = asset["sha256"]
    return found


def _vendor_view(run: Run, batches: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The best paid vendor's batches and transfers of orders, as it sees them itself."""
    best = max(batches, key=lambda batch: batch["net"])
    vendor = run.owner_of(best["vendor"]["id"])
    return list(vendor.pages("settlement/batches")), list(vendor.pages("orders"))


def _receipts(run: Run) -> list[dict[str, Any]]:
    """Of the download that broke off and was resumed."""
    (entitlement,) = run.auditor.get("entitlements", order=run.seen.resumed)["results"]
    return list(run.auditor.pages(f"entitlements/{entitlement['id']}/receipts"))


def _csv(run: Run) -> list[dict[str, str]]:
    content = run.report_path.read_bytes()
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _by_kind(balances: list[dict[str, Any]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for balance in balances:
        sums[balance["kind"]] += balance["amount"]
    return sums


def _of_kind(balances: list[dict[str, Any]], kind: str, organizations: set[str]) -> dict[str, int]:
    return {
        balance["organization"]["id"]: balance["amount"]
        for balance in balances
        if balance["kind"] == kind and balance["organization"]["id"] in organizations
    }


def _database(run: Run) -> dict[str, int]:
    """The same figures, straight from the tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS (SELECT * FROM orders_order WHERE starts_with(client_reference, %s)),
                 moved AS (SELECT t.kind, sum(t.amount) AS amount
                             FROM ledger_transfer t JOIN mine ON mine.id = t.subject_id GROUP BY t.kind)
            SELECT 'orders', count(*) FROM mine
            UNION ALL SELECT 'amount', coalesce(sum(amount), 0) FROM mine
            UNION ALL SELECT 'vendors', count(DISTINCT vendor_org_id) FROM mine
            UNION ALL SELECT 'buyers', count(DISTINCT buyer_org_id) FROM mine
            UNION ALL SELECT 'terms', count(*) FROM orders_orderterms JOIN mine ON mine.id = order_id
            UNION ALL SELECT 'entitlements', count(*) FROM delivery_entitlement JOIN mine ON mine.id = order_id
            UNION ALL SELECT 'captures', count(*) FROM settlement_capture JOIN mine ON mine.id = order_id
            UNION ALL SELECT 'events', count(*) FROM audit_auditevent JOIN mine ON mine.id = subject_id
            UNION ALL SELECT 'automatic', count(*) FROM audit_auditevent JOIN mine ON mine.id = subject_id
                       WHERE name = 'order.accepted' AND (payload ->> 'automatic')::boolean
            UNION ALL SELECT kind, amount FROM moved
            """,
            [f"{run.name}-"],
        )
        return {name: int(value) for name, value in cursor.fetchall()}


def _count(sql: str, run: Run) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, [[wanted.order_id for wanted in run.plan.wanted]])
        return cursor.fetchone()[0]
