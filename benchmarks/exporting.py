"""python -m benchmarks.exporting HOW [ROWS ...]: one process of the measurement of exports; prints JSON."""

import csv
import json
import sys
import time

import django
from django.core.management import call_command

django.setup()

from django.core.cache import cache  # noqa: E402  (models exist only now)
from django.core.files.storage import storages  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Membership  # noqa: E402
from benchmarks.copies import insert_copies, triggers_asleep  # noqa: E402
from benchmarks.processes import peak_mib  # noqa: E402
from market.kernel.actors import Actor  # noqa: E402
from market.orders.models import Order  # noqa: E402
from market.outbox import services as outbox  # noqa: E402
from market.outbox.models import Job  # noqa: E402
from market.reports import services  # noqa: E402
from market.reports.exporters import TRANSACTIONS  # noqa: E402
from market.workspaces import dashboard  # noqa: E402
from market.workspaces.access import Workspace  # noqa: E402
from tests import factories, trades  # noqa: E402

PLAN = """
CREATE TEMPORARY TABLE trade AS
SELECT n, now() - (%(rows)s - n) * interval '3 seconds' AS placed_at,
       uuidv7((n - %(rows)s) * interval '3 seconds') AS key
  FROM generate_series(1, %(rows)s) AS n
"""


def load(many: int, few: int) -> dict:
    """Two vendors' settled orders, copied from one whole trade each: rows enough, and nothing but rows."""
    call_command("migrate", verbosity=0)
    for series, rows in ((1, many - few), (2, few)):
        order = trades.whole_trade(factories.market())
        capture = order.captures.get()
        with triggers_asleep(), connection.cursor() as cursor:
            # The trade itself is one of them.
            cursor.execute(PLAN, {"rows": rows - 1})
            numbers = {"number": f"'QSB{series}' || n", "client_reference": f"'B-{series}' || n"}
            key, of_order = {"id": "trade.key"}, {"id": "trade.key", "order_id": "trade.key"}
            insert_copies("orders_order", order.id, "trade", key | numbers | {"placed_at": "trade.placed_at"})
            insert_copies("orders_charge", order.charges.get().id, "trade", of_order)
            insert_copies("settlement_capture", capture.id, "trade", of_order | {"charge_id": "trade.key"})
            insert_copies("settlement_batchline", capture.batch_line.id, "trade", key | {"capture_id": "trade.key"})
            cursor.execute("DROP TABLE trade")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"orders": Order.objects.count()}


def export(rows: int, **parameters: str) -> dict:
    """Through the service and its job, as a worker would."""
    membership = Membership.objects.select_related("organization", "user").filter(role="auditor").first()
    actor = membership.actor(label=membership.user.email)
    started = time.monotonic()
    report = services.request_report(actor=actor, exporter="transactions", parameters=parameters)
    outbox.perform(Job.objects.get(subject_id=report.id).id)
    seconds = time.monotonic() - started
    report.refresh_from_db()
    if report.totals.get("rows") != rows:
        raise SystemExit(f"{report.state} {report.failure_reason} {report.totals}")
    storages["reports"].delete(report.storage_name)
    return {"seconds": seconds, "bytes": report.bytes, "peak_mib": peak_mib()}


def many(rows: int) -> dict:
    """Everything."""
    return export(rows)


def few(rows: int) -> dict:
    """The second vendor's orders."""
    vendor = Order.objects.order_by("-number").filter(number__startswith="QSB2").first().vendor_org_id
    return export(rows, vendor=str(vendor))


def naive(rows: int) -> dict:
    """The same SELECT, its rows fetched and written by Python."""
    statement, values = TRANSACTIONS.query({})
    started, written = time.monotonic(), 0
    path = storages["reports"].path("naive.csv")
    connection.ensure_connection()
    with (
        open(path, "w", newline="") as file,
        connection.connection.transaction(),
        connection.connection.cursor(name="naive") as cursor,
    ):
        cursor.itersize = 2000
        writer = csv.writer(file)
        cursor.execute(statement, values)
        for row in cursor:
            writer.writerow(row)
            written += 1
    storages["reports"].delete("naive.csv")
    if written != rows:
        raise SystemExit(f"{written} rows")
    return {"seconds": time.monotonic() - started, "peak_mib": peak_mib()}


def dashboards() -> dict:
    """Milliseconds for the figures of each first page: counted, then remembered."""
    roles = {Workspace.OPERATOR: "operator", Workspace.AUDITOR: "auditor", Workspace.VENDOR: "finance"}
    took = {}
    for workspace, role in roles.items():
        membership = Membership.objects.select_related("organization", "user").filter(role=role).first()
        actor = membership.actor(label=membership.user.email)
        cache.clear()
        took[workspace.name.lower()] = [milliseconds(workspace, actor) for _time in range(2)]
    return took


def milliseconds(workspace: Workspace, actor: Actor) -> int:
    """For one look at a first page's figures."""
    started = time.monotonic()
    dashboard.figures(workspace, actor)
    return round(1000 * (time.monotonic() - started))


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*map(int, sys.argv[2:]))))
