"""python -m benchmarks.settling HOW [ORDERS]: one process of the measurement of settlement.

Prints a line of JSON for each step: the act, the orders done, the seconds since the beginning, the most memory so far.
"""

import json
import sys
import time

import django
from django.core.management import call_command

django.setup()

from django.db import connection, transaction  # noqa: E402  (models exist only now)

from benchmarks.copies import insert_copies, triggers_asleep  # noqa: E402
from benchmarks.processes import peak_mib  # noqa: E402
from market.kernel import clock  # noqa: E402
from market.kernel.actors import SYSTEM  # noqa: E402
from market.ledger.models import Transfer  # noqa: E402
from market.orders.models import Order  # noqa: E402
from market.settlement.services import capture_due, create_fee_schedule, reconcile, run_settlement  # noqa: E402
from tests import factories, trades  # noqa: E402

VENDORS, BUYERS = 1_032, 60

# Organisations with their accounts, copied from one of each, and the plan of the trades between them.
PARTIES = """
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
           'balance', CASE WHEN model.kind IN ('wallet', 'escrow', 'payable', 'receivable') THEN 0 END,
           'remittance_code', left(model.remittance_code, 2) || lpad(party.n::text, 9, '0')))).*
  FROM party JOIN ledger_account AS model
    ON model.organization_id = CASE party.kind WHEN 'vendor' THEN %(vendor)s::uuid ELSE %(buyer)s::uuid END;

CREATE TEMPORARY TABLE trade AS
SELECT audit_uuid7() AS key, audit_uuid7() AS charge_key, vendor.id AS vendor, buyer.id AS buyer,
       1 + (number.n::bigint * 7919) %% 1000000 AS price, number.n
  FROM generate_series(1, %(orders)s) AS number (n)
  JOIN party AS vendor ON vendor.n = 1 + number.n %% %(vendors)s
  JOIN party AS buyer ON buyer.n = 1 + %(vendors)s + number.n %% %(buyers)s;

ANALYZE party, trade, ledger_account
"""

PLACES = """trade
  JOIN ledger_account AS wallet ON wallet.organization_id = buyer AND wallet.kind = 'wallet'
  JOIN ledger_account AS escrow ON escrow.organization_id = buyer AND escrow.kind = 'escrow'"""

PAID_IN = """(
    SELECT audit_uuid7() AS key, debit_account_id AS wallet, sum(amount) AS paid
      FROM ledger_transfer
     WHERE id IN (SELECT key FROM trade)
     GROUP BY debit_account_id
) AS paid_in"""

HELD = """
UPDATE ledger_account AS account SET balance = held.amount
  FROM (SELECT credit_account_id, sum(amount)::bigint AS amount FROM ledger_transfer WHERE kind = 'escrow' GROUP BY 1)
    AS held
 WHERE account.id = held.credit_account_id
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

# What came of it, to the fen and vendor by vendor: the same whoever did it, and however often he was interrupted.
RESULT = """
SELECT jsonb_build_object(
           'settled', (SELECT count(*) FROM orders_order WHERE state = 'settled'),
           'captures', (SELECT jsonb_build_array(count(*), sum(gross), sum(net), sum(commission), sum(vat))
                          FROM settlement_capture),
           'transfers', (SELECT jsonb_object_agg(kind, sums)
                           FROM (SELECT kind, jsonb_build_array(count(*), sum(amount)) AS sums FROM ledger_transfer
                                  WHERE kind IN ('capture_net', 'capture_commission', 'capture_vat') GROUP BY kind)),
           'batches', (SELECT md5(string_agg(concat_ws(' ', vendor_org_id, order_count, gross, net, commission, vat),
                                             ';' ORDER BY vendor_org_id)) FROM settlement_settlementbatch),
           'lines', (SELECT count(*) FROM settlement_batchline),
           'escrow', (SELECT sum(balance) FROM ledger_account WHERE kind = 'escrow'))
"""


def load(orders: int) -> None:
    """A market with that many accepted orders that nobody has captured."""
    call_command("migrate", verbosity=0)
    market = factories.market()
    create_fee_schedule(actor=SYSTEM, commission_bps=500)
    order = trades.place(market)
    trades.deliver(order)
    trades.orders.accept(actor=factories.actor_of(market.purchaser), order_id=order.id)
    transfers = {transfer.kind: transfer.id for transfer in Transfer.objects.all()}
    parties = {"vendor": market.vendor.id, "buyer": market.buyer.id, "vendors": VENDORS, "buyers": BUYERS}
    with triggers_asleep(), connection.cursor() as cursor:
        for statement in PARTIES.split(";"):
            cursor.execute(statement, parties | {"orders": orders - 1} if "%" in statement else None)
        copy_trades(order, transfers)
        cursor.execute(HELD)
        cursor.execute("VACUUM ANALYZE")
    tell("market loaded", Order.objects.count())


def copy_trades(order: Order, transfers: dict[str, object]) -> None:
    """The planned orders with their charges, their money in escrow and the deposits that it came from."""
    parties = {"buyer_org_id": "buyer", "vendor_org_id": "vendor"}
    numbers = {"number": "'B' || n", "client_reference": "'B' || n"}
    insert_copies("orders_order", order.id, "trade", {"id": "key", "amount": "price"} | parties | numbers)
    charge = {"id": "charge_key", "order_id": "key", "vendor_org_id": "vendor", "amount": "price"}
    insert_copies("orders_charge", order.charges.get().id, "trade", charge)
    keys = {"id": "key", "tx_id": "key", "subject_id": "key"}
    escrow = {"debit_account_id": "wallet.id", "credit_account_id": "escrow.id", "amount": "price"}
    escrow |= {"business_key": "'order:' || key || ':escrow'"}
    insert_copies("ledger_transfer", transfers["escrow"], PLACES, keys | escrow)
    deposit = {"credit_account_id": "wallet", "amount": "paid", "business_key": "'deposit:' || key"}
    insert_copies("ledger_transfer", transfers["deposit"], PAID_IN, keys | deposit)


def script() -> None:
    """The hand-written script, undone afterwards."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in SCRIPT.split(";"):
            tell(f"script: {statement.split(' (')[0].strip().splitlines()[0]}")
            cursor.execute(statement)
        seconds = time.monotonic() - BEGAN
        came_to = result()
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    tell("script undone", seconds=seconds, result=came_to)


def services() -> None:
    """Everything captured and settled as in production, with all checks and all evidence, or what is left of it."""
    captured = capture_due(progress=lambda done: tell("captured", done))
    run = run_settlement(actor=SYSTEM, cutoff=clock.now(), progress=lambda done: tell("settled", done.orders))
    tell("done", run.orders, captured=captured, batches=run.batches, sent=run.sent, held=run.held)


def outcome() -> None:
    """After the services: what came of it, and what does not add up.

    Nobody placed the copies or deposited their money, so there is no evidence of that; all else must add up.
    """
    drifted = [finding.check.name for finding in reconcile(show=1).findings if finding.drifted]
    tell("reconciled", result=result(), drifted=drifted)


def result() -> dict:
    """What the books say."""
    with connection.cursor() as cursor:
        cursor.execute(RESULT)
        return json.loads(cursor.fetchone()[0])


def tell(act: str, done: int = 0, **more: object) -> None:
    """Where it is, for whoever started this."""
    seconds = round(time.monotonic() - BEGAN, 2)
    print(json.dumps({"act": act, "done": done, "seconds": seconds, "peak_mib": peak_mib()} | more), flush=True)


BEGAN = time.monotonic()

if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:]))
