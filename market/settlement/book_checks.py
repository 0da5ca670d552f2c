"""What must add up about what is kept of the books themselves, as SQL in the form of ``checks``. Amounts are fen."""

# Each snapshot, the old ones too, against the sum of all transfers up to its end; none lies beyond the closed days.
SNAPSHOTS = """
SELECT 'account', moved.account_id::text, owner.name || ' ' || account.kind || ' ' || moved.day,
       'balance at the end of the day', moved.balance, moved.snapshot
  FROM (
        SELECT account_id, day, snapshot,
               sum(amount) OVER (PARTITION BY account_id ORDER BY day, snapshot NULLS FIRST) AS balance
          FROM (
                SELECT leg.account_id, leg.day, sum(leg.amount) AS amount, NULL AS snapshot
                  FROM (
                        SELECT debit_account_id AS account_id, -amount AS amount,
                               (posted_at AT TIME ZONE 'Asia/Shanghai')::date AS day
                          FROM ledger_transfer
                        UNION ALL
                        SELECT credit_account_id, amount, (posted_at AT TIME ZONE 'Asia/Shanghai')::date
                          FROM ledger_transfer
                       ) AS leg
                  JOIN ledger_account AS unguarded ON unguarded.id = leg.account_id AND unguarded.balance IS NULL
                 GROUP BY leg.account_id, leg.day
                UNION ALL
                SELECT account_id, day, 0, balance FROM ledger_balancesnapshot
               ) AS line
       ) AS moved
  JOIN ledger_account AS account ON account.id = moved.account_id
  JOIN accounts_organization AS owner ON owner.id = account.organization_id
 WHERE moved.snapshot IS NOT NULL AND moved.snapshot <> moved.balance
"""
