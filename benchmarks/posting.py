"""Postings alone, by pgbench: the row that production inserts, with every constraint and trigger, beside TPC-B.

A posting moves money from a buyer's wallet to the escrow beside it: one INSERT, whose triggers move and guard both
balances. TPC-B-like is three updates, a query and an insert in a transaction of seven statements. Where clients wait
for each other is alike: of 20 branches a TPC-B transaction updates one, of 60 buyers (as many as the market of the
settlement's benchmark has) a posting takes the wallet of one. That all money were one buyer's is reported too.
"""

import os
import statistics
import tempfile
from pathlib import Path

import psycopg

from benchmarks import pgbench, results
from benchmarks.orders import load_market, production_environment, scratch_database

BUYERS = 60
ROUNDS = 5
GOAL = 0.8

# The keys that Python makes in production come from the database here, and the accounts from a table of pairs.
PAIRS = """
CREATE TABLE bench_pair AS
SELECT row_number() OVER (ORDER BY wallet.id)::int AS number, wallet.id AS wallet, escrow.id AS escrow
  FROM ledger_account AS wallet
  JOIN ledger_account AS escrow USING (organization_id, currency)
 WHERE wallet.kind = 'wallet' AND escrow.kind = 'escrow';
ALTER TABLE bench_pair ADD PRIMARY KEY (number);
ANALYZE;
"""
POSTING = r"""
\set buyer random(1, :buyers)
\set amount random(1, 5000)
INSERT INTO ledger_transfer
       (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type, subject_id, business_key,
        posted_at)
SELECT audit_uuid7(), audit_uuid7(), pair.wallet, pair.escrow, CAST(:amount AS bigint), 'CNY', 'escrow', 'order',
       act.id, 'order:' || act.id || ':' || 'escrow', now()
  FROM bench_pair AS pair, (SELECT audit_uuid7() AS id) AS act
 WHERE pair.number = CAST(:buyer AS int);
"""
BOOKS = """
SELECT (SELECT sum(balance) FROM ledger_account WHERE kind = 'escrow'),
       (SELECT sum(amount) FROM ledger_transfer WHERE kind = 'escrow'),
       (SELECT count(*) FROM ledger_transfer WHERE kind = 'escrow')
"""


def run(seconds: int) -> None:
    """Measure in turn, so that all meet the same machine; the median of each counts."""
    facts = results.machine()
    rates: dict[str, list[float]] = {"tps": [], "postings": [], "one buyer": []}
    with scratch_database("qianshu_bench") as url, scratch_database("qianshu_bench_tpcb") as yardstick_url:
        pgbench.prepare(yardstick_url)
        _load(url)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "posting.sql"
            script.write_text(POSTING)

            def postings(buyers: int, length: int) -> float:
                return pgbench.transactions_per_second(url, length, script, buyers=buyers)

            postings(BUYERS, 3)
            for _round in range(ROUNDS):
                rates["tps"].append(pgbench.transactions_per_second(yardstick_url, seconds))
                rates["postings"].append(postings(BUYERS, seconds))
                rates["one buyer"].append(postings(1, seconds))
        with psycopg.connect(url) as connection:
            held, moved, count = connection.execute(BOOKS).fetchone()
    if held != moved:
        raise SystemExit(f"The books do not agree: {held} in escrow, {moved} moved there")
    tps, posted, hot = (statistics.median(rates[name]) for name in ("tps", "postings", "one buyer"))
    yardstick = f"pgbench TPC-B-like, scale {pgbench.SCALE}, {pgbench.CLIENTS} clients, prepared (tps)"
    facts |= {"buyers": BUYERS, "postings": count, "rounds": rates, "load_after": os.getloadavg()[0]}
    results.write(
        "posting",
        [
            results.Measure("postings", posted, "postings/s", yardstick, tps, GOAL),
            results.Measure("postings of one buyer", hot, "postings/s", yardstick, tps),
        ],
        facts,
    )


def _load(url: str) -> None:
    """A migrated database with the buyers' accounts, and money in their wallets."""
    load_market(production_environment(url), buyers=BUYERS, vendors=1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PAIRS)
