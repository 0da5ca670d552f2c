"""Years of settled orders, written by SQL beside the market that a database already holds."""

import psycopg
from psycopg import sql

CHUNK = 500_000
SECONDS_BETWEEN = 3
"""One order every three seconds: ten million are a year of trade."""

# Triggers and foreign keys look at every row; here every row is made from one that they have looked at.
PREPARE = """
SET session_replication_role = replica;
SET synchronous_commit = off;
CREATE TEMPORARY TABLE template AS
SELECT row_number() OVER (ORDER BY placed.id) - 1 AS turn, placed.*,
       wallet.id AS wallet_id, escrow.id AS escrow_id, payable.id AS payable_id
  FROM (SELECT * FROM orders_order ORDER BY md5(id::text) LIMIT 1000) AS placed
  JOIN ledger_account AS wallet ON (wallet.organization_id, wallet.kind) = (placed.buyer_org_id, 'wallet')
  JOIN ledger_account AS escrow ON (escrow.organization_id, escrow.kind) = (placed.buyer_org_id, 'escrow')
  JOIN ledger_account AS payable ON (payable.organization_id, payable.kind) = (placed.vendor_org_id, 'payable');
CREATE FUNCTION pg_temp.key_at(moment timestamptz, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(salt), 1, 3) || '8' || substr(md5(salt), 4, 15))::uuid
$$;
"""
PAST = """
CREATE TEMPORARY TABLE past AS
SELECT pg_temp.key_at(made.moment, 'order' || made.serial) AS order_id, made.*, template.*
  FROM (
        SELECT serial,
               date_trunc('milliseconds', now()) - make_interval(secs => %(seconds)s * (%(total)s - serial)) AS moment
          FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS serial
       ) AS made
  JOIN template ON template.turn = made.serial %% (SELECT count(*) FROM template)
"""
CHANGED = {
    "id": "order_id",
    "number": "'PAST-' || serial",
    "client_reference": "'past-' || serial",
    "state": "'settled'",
    "placed_at": "moment",
    "closed_at": "moment + interval '10 days'",
}
TRANSFERS = """
INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind,
                             subject_type, subject_id, business_key, posted_at)
SELECT pg_temp.key_at(moved.at, moved.kind || serial), pg_temp.key_at(moved.at, moved.kind || serial),
       moved.debit, moved.credit, amount, currency, moved.kind, 'order', order_id, moved.business_key, moved.at
  FROM past
 CROSS JOIN LATERAL (
        VALUES ('escrow', wallet_id, escrow_id, 'order:' || order_id || ':escrow', moment),
               ('capture_net', escrow_id, payable_id, 'order:' || order_id || ':capture:whole:net',
                moment + interval '8 days')
       ) AS moved (kind, debit, credit, business_key, at)
"""


def load(database_url: str, orders: int) -> None:
    """Add that many settled orders and two transfers each; some orders must have been placed there before."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(PREPARE)
        columns = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'orders_order'::regclass AND attnum > 0"
            " AND NOT attisdropped"
        )
        names = [name for (name,) in columns]
        insert = sql.SQL("INSERT INTO orders_order ({}) SELECT {} FROM past").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(sql.SQL(CHANGED[name]) if name in CHANGED else sql.Identifier(name) for name in names),
        )
        for first in range(1, orders + 1, CHUNK):
            last = min(first + CHUNK - 1, orders)
            span = {"first": first, "last": last, "total": orders, "seconds": SECONDS_BETWEEN}
            connection.execute(PAST, span)
            connection.execute(insert)
            connection.execute(TRANSFERS)
            connection.execute("DROP TABLE past")
            print(f"{last:,} of {orders:,} orders are there", flush=True)
        connection.execute("VACUUM (ANALYZE) orders_order, ledger_transfer")
        connection.execute("CHECKPOINT")
