"""The books as CSV files, one a table, for the second implementation."""

import csv
from pathlib import Path

from django.db import connection

from market.kernel import clock
from market.settlement.selectors import AGES, receivables_by_age

TABLES = {
    "accounts": "SELECT id, organization_id, kind, currency, balance FROM ledger_account",
    "transfers": "SELECT id, kind, debit_account_id, credit_account_id, amount, subject_id FROM ledger_transfer",
    "deposits": "SELECT subject_id AS transfer_id, on_behalf_of_org_id, payload FROM audit_auditevent"
    " WHERE name = 'deposit.confirmed'",
    "paid": "SELECT subject_id FROM audit_auditevent WHERE name = 'order.paid'",
    "orders": "SELECT id, state, amount, buyer_org_id, vendor_org_id, approval_due_at, funds_due_at FROM orders_order",
    "charges": "SELECT id, order_id, amount, is_final FROM orders_charge",
    "sectors": "SELECT sale.id AS order_id, product.sector AS sector FROM orders_order AS sale"
    " JOIN catalog_product AS product ON product.id = sale.product_id",
    "schedules": "SELECT id, version, commission_bps, tier_volumes, tier_bps, vat_general_bps, vat_small_scale_bps,"
    " effective_from FROM settlement_feeschedule WHERE version IS NOT NULL",
    "overrides": "SELECT schedule_id, vendor_org_id, sector, commission_bps, tier_volumes, tier_bps"
    " FROM settlement_feeoverride",
    "captures": "SELECT id, charge_id, order_id, vendor_org_id, schedule_id, taxpayer_type, sector, volume_before,"
    " gross, net, commission, vat, currency, captured_at FROM settlement_capture",
    "corrections": "SELECT id, debit_account_id, credit_account_id, amount, decided_at FROM ledger_correction"
    " WHERE state = 'approved'",
    "volumes": "SELECT vendor_org_id, currency, month, gross FROM settlement_monthlyvolume",
    "lines": "SELECT batch_id, capture_id FROM settlement_batchline",
    "batches": "SELECT id, vendor_org_id, cutoff, order_count, gross, net, commission, vat, carried, created_at"
    " FROM settlement_settlementbatch",
    "payouts": "SELECT id, batch_id, vendor_org_id, amount, reference, state, sent_at, ended_at FROM settlement_payout",
    "refunds": "SELECT id, order_id, number, amount, net, commission, vat, advanced, refunded_at"
    " FROM settlement_refund",
    "repayments": "SELECT subject_id AS receivable_id, vendor_org_id, occurred_at FROM audit_auditevent"
    " WHERE name = 'receivable.repaid'",
}
MOMENTS = (
    "effective_from", "captured_at", "decided_at", "cutoff", "created_at", "sent_at", "ended_at", "refunded_at",
    "occurred_at",
)  # fmt: skip


def export(folder: Path) -> Path:
    """Write every table; moments are texts of one length and zone, so that they compare as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        for name, select in TABLES.items():
            with (folder / f"{name}.csv").open("wb") as file:
                for piece in _copied(cursor, select):
                    file.write(piece)
    with (folder / "ages.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["vendor_org_id", "today", *AGES])
        for vendor_id, sums in receivables_by_age().items():
            writer.writerow([vendor_id, clock.business_date(), *sums.values()])
    return folder


def _copied(cursor, select: str):
    columns = ", ".join(_texts(select))
    statement = f"COPY (SELECT {columns} FROM ({select}) AS rows) TO STDOUT (FORMAT csv, HEADER)"
    with cursor.copy(statement) as copy:
        yield from copy


def _texts(select: str) -> list[str]:
    """The columns, moments written out to the microsecond."""
    names = [
        column.split(" AS ")[-1].strip() for column in select.removeprefix("SELECT ").split(" FROM ")[0].split(",")
    ]
    form = "'YYYY-MM-DD\"T\"HH24:MI:SS.US'"
    return [f"to_char({name}, {form}) AS {name}" if name in MOMENTS else name for name in names]
