-- Every account from its transfers, for three checks: all of a currency add up to nothing, a guarded balance is its
-- transfers' sum and on its side of zero, and so is each balance kept at the end of a day, the old ones too.
-- Days are Shanghai's, which has no summer time: a day is 24 hours from its midnight, without asking a calendar for each
-- of millions of transfers.
WITH moved AS MATERIALIZED (
    SELECT debit_account_id AS account_id, date_bin('1 day', posted_at, '2000-01-01 00:00+08') AS midnight,
           -sum(amount) AS amount
      FROM ledger_transfer
     GROUP BY 1, 2
    UNION ALL
    SELECT credit_account_id, date_bin('1 day', posted_at, '2000-01-01 00:00+08'), sum(amount)
      FROM ledger_transfer
     GROUP BY 1, 2
), account AS MATERIALIZED (
    SELECT account.id, account.kind, account.currency, account.balance, owner.name || ' ' || account.kind AS label,
           coalesce(moved.amount, 0) AS moved
      FROM ledger_account AS account
      JOIN accounts_organization AS owner ON owner.id = account.organization_id
      LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM moved GROUP BY account_id) AS moved
        ON moved.account_id = account.id
)
SELECT 'zero_sum', 'currency', currency, currency, 'sum of all accounts', 0, sum(coalesce(balance, moved))
  FROM account
 GROUP BY currency
HAVING sum(coalesce(balance, moved)) <> 0
UNION ALL
SELECT 'balances', 'account', account.id::text, account.label, fact.name, fact.expected, fact.found
  FROM account
 CROSS JOIN LATERAL (
        VALUES ('balance', account.moved, account.balance::numeric),
               ('shortage', 0,
                greatest(CASE account.kind WHEN 'receivable' THEN 1 ELSE -1 END * account.balance, 0)::numeric)
       ) AS fact (name, expected, found)
 WHERE account.balance IS NOT NULL AND fact.expected <> fact.found
UNION ALL
SELECT 'snapshots', 'account', account.id::text, account.label || ' ' || kept.day, 'balance at the end of the day',
       kept.balance, kept.snapshot
  FROM (
        SELECT account_id, day, snapshot,
               sum(amount) OVER (PARTITION BY account_id ORDER BY midnight, snapshot NULLS FIRST) AS balance
          FROM (
                SELECT moved.account_id, moved.midnight, moved.amount, NULL::date AS day, NULL::bigint AS snapshot
                  FROM moved
                  JOIN account AS unguarded ON unguarded.id = moved.account_id AND unguarded.balance IS NULL
                UNION ALL
                SELECT account_id, day::timestamp AT TIME ZONE 'Asia/Shanghai', 0, day, balance
                  FROM ledger_balancesnapshot
               ) AS line
       ) AS kept
  JOIN account ON account.id = kept.account_id
 WHERE kept.snapshot <> kept.balance
