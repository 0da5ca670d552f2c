"""python -m benchmarks.settling HOW ORDERS: one process of the measurement of settlement; prints JSON."""

import json
import resource
import sys
import time

import django
from django.core.management import call_command

django.setup()

from django.db import connection, transaction  # noqa: E402  (models exist only now)

from market.kernel import clock  # noqa: E402
from market.kernel.actors import SYSTEM  # noqa: E402
from market.orders.models import Charge, Order  # noqa: E402
from market.settlement.models import Capture  # noqa: E402
from market.settlement.services import capture_many, create_fee_schedule, reconcile, run_settlement  # noqa: E402
from tests import factories, trades  # noqa: E402

VENDORS, BUYERS = 1_032, 60

# Organisations with their accounts, and accepted orders with their money in escrow, copied from one of each.
COPIES = """
CREATE TEMPORARY TABLE party AS
SELECT n, audit_uuid7() AS id, CASE WHEN n <= %(vendors)s THEN 'vendor' ELSE 'buyer' END AS kind
  FROM generate_series(1, %(vendors)s + %(buyers)s) AS n;

INSERT INTO accounts_organization
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', party.id, 'uscc', left(model.uscc, 9) || lpad(upper(to_hex(party.n)), 9, '0')))).*
  FROM party JOIN accounts_organization AS model
    ON model.id = CASE party.kind WHEN 'vendor' THEN %(vendor)s::uuid ELSE %(buyer)s::uuid END;

INSERT INTO ledger_account
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', audit_uuid7(), 'organization_id', party.id,
           'balance', CASE WHEN model.balance IS NOT NULL THEN 0 END,
           'remittance_code', left(model.remittance_code, 2) || lpad(party.n::text, 9, '0')))).*
  FROM party JOIN ledger_account AS model
    ON model.organization_id = CASE party.kind WHEN 'vendor' THEN %(vendor)s::uuid ELSE %(buyer)s::uuid END;

CREATE TEMPORARY TABLE trade AS
SELECT audit_uuid7() AS id, vendor.id AS vendor_id, buyer.id AS buyer_id, 1 + (number.n * 7919) %% 1000000 AS amount,
       number.n
  FROM generate_series(1, %(orders)s) AS number (n)
  JOIN party AS vendor ON vendor.n = 1 + number.n %% %(vendors)s
  JOIN party AS buyer ON buyer.n = 1 + %(vendors)s + number.n %% %(buyers)s;

INSERT INTO orders_order
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', trade.id, 'number', 'B' || trade.n, 'client_reference', 'B' || trade.n, 'amount', trade.amount,
           'vendor_org_id', vendor_id, 'buyer_org_id', buyer_id))).*
  FROM orders_order AS model, trade WHERE model.id = %(order)s;

INSERT INTO orders_charge
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', trade.id, 'order_id', trade.id, 'vendor_org_id', vendor_id, 'amount', trade.amount))).*
  FROM orders_charge AS model, trade WHERE model.order_id = %(order)s;

INSERT INTO ledger_transfer
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', trade.id, 'tx_id', trade.id, 'subject_id', trade.id, 'amount', trade.amount,
           'business_key', 'order:' || trade.id || ':escrow',
           'debit_account_id', wallet.id, 'credit_account_id', escrow.id))).*
  FROM ledger_transfer AS model, trade
  JOIN ledger_account AS wallet ON wallet.organization_id = buyer_id AND wallet.kind = 'wallet'
  JOIN ledger_account AS escrow ON escrow.organization_id = buyer_id AND escrow.kind = 'escrow'
 WHERE model.subject_id = %(order)s AND model.kind = 'escrow';

INSERT INTO ledger_transfer
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', paid.key, 'tx_id', paid.key, 'subject_id', paid.key, 'amount', paid.amount,
           'business_key', 'deposit:' || paid.key, 'credit_account_id', paid.wallet))).*
  FROM ledger_transfer AS model
 CROSS JOIN (
        SELECT audit_uuid7() AS key, leg.debit_account_id AS wallet, sum(leg.amount) AS amount
          FROM ledger_transfer AS leg JOIN trade ON trade.id = leg.id
         GROUP BY leg.debit_account_id
       ) AS paid
 WHERE model.id = (SELECT id FROM ledger_transfer WHERE kind = 'deposit' LIMIT 1);

UPDATE ledger_account AS account SET balance = paid.amount
  FROM (SELECT credit_account_id, sum(amount)::bigint AS amount FROM ledger_transfer WHERE kind = 'escrow' GROUP BY 1)
    AS paid
 WHERE account.id = paid.credit_account_id
"""

# The same postings by a script that does nothing else: no checks, no evidence, one transaction.
SCRIPT = """
CREATE TEMPORARY TABLE due ON COMMIT DROP AS
SELECT charge.order_id, charge.id AS charge_id, audit_uuid7() AS capture_id, charge.amount, charge.vendor_org_id,
       vendor.taxpayer_type, schedule.id AS schedule_id, escrow.id AS escrow, payable.id AS payable,
       commission.id AS commission, vat.id AS vat, part.net AS net_part, part.commission AS commission_part,
       part.vat AS vat_part
  FROM orders_charge AS charge
  JOIN orders_order AS sale ON sale.id = charge.order_id
  JOIN accounts_organization AS vendor ON vendor.id = sale.vendor_org_id
  JOIN ledger_account AS escrow ON escrow.organization_id = sale.buyer_org_id AND escrow.kind = 'escrow'
  JOIN ledger_account AS payable ON payable.organization_id = sale.vendor_org_id AND payable.kind = 'payable'
  JOIN ledger_account AS commission
    ON commission.organization_id = sale.vendor_org_id AND commission.kind = 'commission'
  JOIN ledger_account AS vat ON vat.organization_id = sale.vendor_org_id AND vat.kind = 'vat'
 CROSS JOIN settlement_feeschedule AS schedule
 CROSS JOIN LATERAL settlement_divide(charge.amount, charge.amount * schedule.commission_bps, schedule.vat_general_bps)
         AS part;

INSERT INTO settlement_capture (id, charge_id, order_id, vendor_org_id, schedule_id, taxpayer_type, sector,
                                volume_before, gross, net, commission, vat, currency, captured_at)
SELECT capture_id, charge_id, order_id, vendor_org_id, schedule_id, taxpayer_type, 'A', 0, amount, net_part,
       commission_part, vat_part, 'CNY', now()
  FROM due;

INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type,
                             subject_id, business_key, posted_at)
SELECT audit_uuid7(), capture_id, escrow, leg.credit, leg.amount, 'CNY', leg.kind, 'order', order_id,
       order_id || leg.kind, now()
  FROM due
 CROSS JOIN LATERAL (
        VALUES ('capture_net', payable, net_part), ('capture_commission', commission, commission_part),
               ('capture_vat', vat, vat_part)
       ) AS leg (kind, credit, amount)
 WHERE leg.amount > 0;

INSERT INTO settlement_settlementbatch (id, vendor_org_id, currency, cutoff, order_count, gross, net, commission, vat,
                                        carried, created_at)
SELECT audit_uuid7(), vendor_org_id, 'CNY', now(), count(*), sum(amount), sum(net_part), sum(commission_part),
       sum(vat_part), 0, now()
  FROM due GROUP BY vendor_org_id;

INSERT INTO settlement_batchline (id, batch_id, capture_id, vendor_org_id)
SELECT audit_uuid7(), batch.id, due.capture_id, due.vendor_org_id
  FROM due JOIN settlement_settlementbatch AS batch USING (vendor_org_id);

UPDATE orders_order SET state = 'settled', closed_at = now() FROM due WHERE orders_order.id = due.order_id
"""


def load(orders: int) -> dict:
    """A market with that many accepted orders that nobody has captured."""
    call_command("migrate", verbosity=0)
    market = factories.market()
    create_fee_schedule(actor=SYSTEM, commission_bps=500)
    order = trades.place(market)
    trades.deliver(order)
    trades.orders.accept(actor=factories.actor_of(market.purchaser), order_id=order.id)
    parties = {"vendor": market.vendor.id, "buyer": market.buyer.id, "vendors": VENDORS, "buyers": BUYERS}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in COPIES.split(";"):
            cursor.execute(statement, parties | {"order": order.id, "orders": orders - 1})
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
    return {"orders": Order.objects.count()}


def script(orders: int) -> dict:
    """The hand-written script, undone afterwards."""
    began = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in SCRIPT.split(";"):
            cursor.execute(statement)
        seconds = time.monotonic() - began
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    return {"seconds": seconds}


def services(orders: int) -> dict:
    """Everything captured and settled as in production, with all checks and all evidence."""
    charges = list(Charge.objects.order_by("vendor_org_id", "id").values_list("id", flat=True))
    before = peak_mib()
    began = time.monotonic()
    captured = capture_many(charge_ids=charges)
    captured_at = time.monotonic()
    run = run_settlement(actor=SYSTEM, cutoff=clock.now())
    seconds = time.monotonic() - began
    assert captured == run.orders == Capture.objects.count() == orders
    return {
        "seconds": seconds,
        "capture_seconds": captured_at - began,
        "more_mib": peak_mib() - before,
        # Nobody placed the copies or deposited their money, so there is no evidence of it; all else must add up.
        "drifted": [finding.check.name for finding in reconcile(show=1).findings if finding.drifted],
    }


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    how = {"load": load, "script": script, "services": services}[sys.argv[1]]
    print(json.dumps(how(int(sys.argv[2]))))
