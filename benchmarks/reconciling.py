"""python -m benchmarks.reconciling HOW [ORDERS]: one process of the measurement of reconciliation; prints JSON."""

import collections
import datetime
import functools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import django
from django.core.management import call_command

django.setup()

from django.db import connection  # noqa: E402  (models exist only now)

from benchmarks.copies import at_once, insert_copies, triggers_asleep  # noqa: E402
from benchmarks.processes import database_seconds, peak_mib  # noqa: E402
from market.kernel import clock  # noqa: E402
from market.ledger.models import Account, Transfer  # noqa: E402
from market.ledger.services import close_books  # noqa: E402
from market.orders.models import Order  # noqa: E402
from market.settlement.checks import GLANCE, LOOKED_AT, WHOLE  # noqa: E402
from market.settlement.services import books  # noqa: E402
from tests import factories, trades  # noqa: E402

VENDORS, BUYERS, DAYS = 1_032, 2_000, 30

# Every 20th order was cancelled and every 50th is paid and waits; the rest is captured, and settled but for today's.
# Amounts are multiples of 106.00, which 5 % and 6 % divide without a remainder.
PLAN = """
CREATE UNLOGGED TABLE plan AS
SELECT n, n %% %(vendors)s + 1 AS vendor, (n * 48271::bigint) %% %(buyers)s + 1 AS buyer,
       10600 * (1 + n * 7919::bigint %% 97) AS amount, n * %(days)s / (%(orders)s + 1) AS day,
       CASE WHEN n %% 20 = 0 THEN 'cancelled' WHEN n %% 50 = 1 THEN 'paid'
            WHEN n * %(days)s / (%(orders)s + 1) = %(days)s - 1 THEN 'accepted' ELSE 'settled' END AS state,
       audit_uuid7() AS id, audit_uuid7() AS charge, audit_uuid7() AS capture,
       %(first)s + (n * %(days)s / (%(orders)s + 1)) * interval '1 day' + n %% 80000 * interval '1 second' AS at
  FROM generate_series(1, %(orders)s) AS n;
CREATE UNLOGGED TABLE party AS
SELECT kind, n, audit_uuid7() AS id
  FROM (VALUES ('vendor', %(vendors)s), ('buyer', %(buyers)s)) AS kinds (kind, most), generate_series(1, most) AS n;
ANALYZE plan, party;
INSERT INTO accounts_organization
SELECT made.*
  FROM party
  JOIN accounts_organization AS model ON model.id = CASE party.kind WHEN 'vendor' THEN %(vendor)s ELSE %(buyer)s END,
       jsonb_populate_record(model, jsonb_build_object('id', party.id, 'name', party.kind || party.n,
                                                       'uscc', CASE party.kind WHEN 'vendor' THEN '91' ELSE '92' END
                                                               || lpad(party.n::text, 16, '0'))) AS made;
INSERT INTO ledger_account
SELECT made.*
  FROM party
  JOIN ledger_account AS model
    ON model.organization_id = CASE party.kind WHEN 'vendor' THEN %(vendor)s ELSE %(buyer)s END,
       jsonb_populate_record(model, jsonb_build_object(
           'id', audit_uuid7(), 'organization_id', party.id, 'balance', 0 * model.balance,
           'remittance_code', CASE model.kind WHEN 'wallet' THEN 'B' || lpad(party.n::text, 10, '0') END)) AS made;
CREATE UNLOGGED TABLE place AS
SELECT party.kind AS party, party.n, account.kind, account.id, account.organization_id AS organization
  FROM party JOIN ledger_account AS account ON account.organization_id = party.id;
ANALYZE place
"""
PARTIES = """plan
  JOIN party AS buyer ON (buyer.kind, buyer.n) = ('buyer', plan.buyer)
  JOIN party AS vendor ON (vendor.kind, vendor.n) = ('vendor', plan.vendor)"""
CHARGED = f"{PARTIES} WHERE plan.state IN ('accepted', 'settled')"
# A capture's volume before it: what its vendor had captured in that month.
CAPTURED = """(
    SELECT *, sum(amount) OVER (
               PARTITION BY vendor, date_trunc('month', (at + interval '1 hour') AT TIME ZONE 'Asia/Shanghai')
               ORDER BY n) - amount AS volume_before
      FROM plan
     WHERE state IN ('accepted', 'settled')
) AS plan
  JOIN party AS vendor ON (vendor.kind, vendor.n) = ('vendor', plan.vendor)"""
ORDER = {
    "id": "plan.id",
    "number": "'QSR' || plan.n",
    "client_reference": "'R-' || plan.n",
    "amount": "plan.amount",
    "state": "plan.state",
    "buyer_org_id": "buyer.id",
    "vendor_org_id": "vendor.id",
    "placed_at": "plan.at",
}
CHARGE = {"id": "plan.charge", "order_id": "plan.id", "vendor_org_id": "vendor.id", "amount": "plan.amount"}
CAPTURE = {
    "id": "plan.capture",
    "charge_id": "plan.charge",
    "order_id": "plan.id",
    "vendor_org_id": "vendor.id",
    "gross": "plan.amount",
    "commission": "plan.amount / 20",
    "vat": "plan.amount / 106 * 6",
    "net": "plan.amount - plan.amount / 20 - plan.amount / 106 * 6",
    "volume_before": "plan.volume_before",
    "captured_at": "plan.at + interval '1 hour'",
}
EVENTS = """
INSERT INTO audit_auditevent (id, name, occurred_at, actor_role, actor_label, subject_type, subject_id, payload,
                              request_id)
SELECT audit_uuid7(), event.name, plan.at, '', 'system', 'order', plan.id, event.payload, ''
  FROM plan,
       LATERAL (VALUES ('order.placed', jsonb_build_object('amount', amount)),
                       ('order.captured', jsonb_build_object(
                           'gross', amount, 'net', amount - amount / 20 - amount / 106 * 6,
                           'commission', amount / 20, 'vat', amount / 106 * 6))) AS event (name, payload)
 WHERE event.name = 'order.placed' OR state IN ('accepted', 'settled')
"""
TRANSFERS = """
INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type,
                             subject_id, business_key, posted_at)
SELECT audit_uuid7(), plan.capture, debit.id, credit.id, leg.part, 'CNY', leg.kind, 'order', plan.id,
       'order:' || plan.id || leg.key, plan.at + leg.later
  FROM plan,
       LATERAL (
           VALUES ('escrow', 'buyer', 'wallet', buyer, 'buyer', 'escrow', buyer, amount, ':escrow', interval '0'),
                  ('release', 'buyer', 'escrow', buyer, 'buyer', 'wallet', buyer, amount, ':release',
                   interval '1 minute'),
                  ('capture_net', 'buyer', 'escrow', buyer, 'vendor', 'payable', vendor,
                   amount - amount / 20 - amount / 106 * 6, ':capture:whole:net', interval '1 hour'),
                  ('capture_commission', 'buyer', 'escrow', buyer, 'vendor', 'commission', vendor, amount / 20,
                   ':capture:whole:commission', interval '1 hour'),
                  ('capture_vat', 'buyer', 'escrow', buyer, 'vendor', 'vat', vendor, amount / 106 * 6,
                   ':capture:whole:vat', interval '1 hour')
       ) AS leg (kind, from_party, from_kind, from_n, to_party, to_kind, to_n, part, key, later)
  JOIN place AS debit ON (debit.party, debit.kind, debit.n) = (leg.from_party, leg.from_kind, leg.from_n)
  JOIN place AS credit ON (credit.party, credit.kind, credit.n) = (leg.to_party, leg.to_kind, leg.to_n)
 WHERE CASE leg.kind WHEN 'escrow' THEN true WHEN 'release' THEN state = 'cancelled'
            ELSE state IN ('accepted', 'settled') END
"""
SETTLED = """
INSERT INTO settlement_monthlyvolume (id, vendor_org_id, currency, month, gross)
SELECT audit_uuid7(), capture.vendor_org_id, 'CNY',
       date_trunc('month', captured_at AT TIME ZONE 'Asia/Shanghai')::date, sum(gross)
  FROM settlement_capture AS capture
  JOIN party ON party.id = capture.vendor_org_id
 GROUP BY 2, 4;
INSERT INTO settlement_settlementbatch (id, vendor_org_id, currency, cutoff, order_count, gross, net, commission, vat,
                                        carried, created_at)
SELECT audit_uuid7(), vendor_org_id, 'CNY', cutoff, count(*), sum(gross), sum(net), sum(commission), sum(vat),
       0, cutoff + interval '1 hour'
  FROM (
        SELECT capture.*, %(first)s + (plan.day + 2) * interval '1 day' AS cutoff
          FROM settlement_capture AS capture JOIN plan ON plan.id = capture.order_id
         WHERE plan.state = 'settled'
       ) AS due
 GROUP BY vendor_org_id, cutoff;
ANALYZE settlement_settlementbatch;
INSERT INTO settlement_batchline (id, batch_id, capture_id, vendor_org_id)
SELECT audit_uuid7(), batch.id, capture.id, capture.vendor_org_id
  FROM settlement_capture AS capture
  JOIN plan ON plan.id = capture.order_id
  JOIN settlement_settlementbatch AS batch
    ON (batch.vendor_org_id, batch.cutoff)
     = (capture.vendor_org_id, %(first)s + (plan.day + 2) * interval '1 day')
 WHERE plan.state = 'settled';
INSERT INTO settlement_payout
SELECT made.*
  FROM settlement_settlementbatch AS batch
  JOIN settlement_payout AS model ON model.vendor_org_id = %(vendor)s
  JOIN party ON party.id = batch.vendor_org_id,
       jsonb_populate_record(model, jsonb_build_object(
           'id', audit_uuid7(), 'batch_id', batch.id, 'vendor_org_id', batch.vendor_org_id, 'amount', batch.net,
           'reference', 'QSB' || left(replace(batch.id::text, '-', ''), 32), 'sent_at', batch.created_at,
           'created_at', batch.created_at)) AS made;
INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type,
                             subject_id, business_key, posted_at)
SELECT audit_uuid7(), payout.id, payable.id, %(bank)s, payout.amount, 'CNY', 'payout', 'payout', payout.id,
       'payout:' || payout.id || ':sent', payout.sent_at
  FROM settlement_payout AS payout
  JOIN place AS payable ON payable.organization = payout.vendor_org_id AND payable.kind = 'payable';
WITH made AS (
    INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type,
                                 subject_id, business_key, posted_at)
    SELECT audit_uuid7(), audit_uuid7(), %(bank)s, id, 1000000000000, 'CNY', 'deposit', 'deposit',
           audit_uuid7(), 'deposit:R-' || n, %(first)s
      FROM place WHERE kind = 'wallet'
    RETURNING id, amount
)
INSERT INTO audit_auditevent (id, name, occurred_at, actor_role, actor_label, subject_type, subject_id, payload,
                              request_id)
SELECT audit_uuid7(), 'deposit.confirmed', %(first)s, '', 'system', 'transfer', id,
       jsonb_build_object('amount', amount), ''
  FROM made;
UPDATE ledger_account AS account SET balance = moved.amount
  FROM (
        SELECT account_id, sum(amount) AS amount
          FROM (SELECT debit_account_id AS account_id, -amount AS amount FROM ledger_transfer
                UNION ALL SELECT credit_account_id, amount FROM ledger_transfer) AS leg
         GROUP BY account_id
       ) AS moved
 WHERE moved.account_id = account.id AND account.balance IS NOT NULL;
DROP TABLE plan, party, place
"""
INDEXES = """
SELECT format('DROP INDEX %I', indexrelid::regclass), pg_get_indexdef(indexrelid)
  FROM pg_index
 WHERE indrelid = ANY('{ledger_transfer,orders_order,audit_auditevent,settlement_capture,orders_charge}'::regclass[])
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
 ORDER BY pg_relation_size(indrelid) DESC
"""


def load(orders: int) -> dict:
    """One whole trade through the services, and that many more like it by SQL, with every trigger asleep."""
    began = time.monotonic()
    call_command("migrate", verbosity=0)
    market = factories.market()
    order = trades.whole_trade(market)
    first = clock.business_midnight(clock.business_date()) - datetime.timedelta(days=DAYS)
    values = {"orders": orders, "vendors": VENDORS, "buyers": BUYERS, "days": DAYS, "first": first}
    values |= {"vendor": market.vendor.id, "buyer": market.buyer.id, "bank": Account.objects.get(kind="bank").id}
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
    perform([drop for drop, _create in indexes])
    perform(PLAN.split(";\n"), values)
    at_once(
        functools.partial(perform, [TRANSFERS]),
        functools.partial(copy_orders, order),
        functools.partial(perform, [EVENTS]),
    )
    perform(["ANALYZE", *SETTLED.split(";\n")], values)
    creates = [create for _drop, create in indexes]
    at_once(functools.partial(perform, creates[::2]), functools.partial(perform, creates[1::2]))
    perform(["VACUUM ANALYZE"])
    took = {"load_seconds": round(time.monotonic() - began, 1)}
    return took | {"transfers": Transfer.objects.count(), "close_seconds": close_days()}


def copy_orders(order: Order) -> None:
    """The orders of the plan, with their charges and captures."""
    with triggers_asleep():
        for table, like, source, changed in (
            ("orders_order", order, PARTIES, ORDER),
            ("orders_charge", order.charges.get(), CHARGED, CHARGE),
            ("settlement_capture", order.captures.get(), CAPTURED, CAPTURE),
        ):
            progress(f"copies into {table}")
            insert_copies(table, like.id, source, changed)


def perform(statements: Sequence[str], values: Mapping[str, object] = MappingProxyType({})) -> None:
    """Each statement by itself, with those of the values that it names."""
    with triggers_asleep(), connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '256MB'")
        for statement in statements:
            progress(statement.strip().splitlines()[0])
            cursor.execute(statement, {name: values[name] for name in values if f"%({name})s" in statement} or None)


def close_days() -> float:
    """A month of days closed, a day after the other; seconds for one."""
    progress("closing days")
    began = time.monotonic()
    today = clock.business_date()
    for days in range(DAYS, 0, -1):
        close_books(through=today - datetime.timedelta(days=days))
    return round((time.monotonic() - began) / DAYS, 2)


def progress(what: str) -> None:
    """Loading takes minutes: say where it is."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr)


def measure() -> dict:
    """The raw scan, then the reconciliation, reading by reading; it must find nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
        began = time.monotonic()
        cursor.execute("SELECT sum(amount) FROM ledger_transfer")
        scan = time.monotonic() - began
    took = collections.Counter()
    names = {reading: name for name, reading in WHOLE.items()} | {GLANCE: "glances", LOOKED_AT: "counts"}
    ask = books._ask

    def timed(query, **parameters):
        began = time.monotonic()
        found = ask(query, **parameters)
        name = next((name for reading, name in names.items() if reading in query), "of doubtful orders")
        took[name] = round(took[name] + time.monotonic() - began, 2)
        progress(f"{name}: {took[name]} s")
        return found

    books._ask = timed
    began, busy = time.monotonic(), database_seconds(backend)
    report = books.reconcile()
    seconds, busy = time.monotonic() - began, database_seconds(backend) - busy
    if not report.is_clean:
        raise SystemExit(str([finding.drift[:2] for finding in report.findings if finding.drifted]))
    figures = {"seconds": seconds, "processor_seconds": busy, "scan_seconds": scan}
    return {name: round(value, 2) for name, value in figures.items()} | {"readings": took, "peak_mib": peak_mib()}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*map(int, sys.argv[2:]))))
