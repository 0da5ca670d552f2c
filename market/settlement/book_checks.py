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

REFUNDS = """
SELECT 'refund', coalesce(refund.id, posted.tx_id)::text, coalesce(refund.reference, 'no such refund'), fact.name,
       fact.expected, fact.found
  FROM (
        SELECT refund.*, proof.amount AS proved, captured.net AS captured_net,
               captured.commission AS captured_commission, captured.vat AS captured_vat,
               sum(refund.net) OVER earlier AS all_net, sum(refund.commission) OVER earlier AS all_commission,
               sum(refund.vat) OVER earlier AS all_vat
          FROM settlement_refund AS refund
          LEFT JOIN LATERAL (
                SELECT (payload ->> 'amount')::bigint AS amount
                  FROM audit_auditevent
                 WHERE subject_id = refund.order_id AND name = 'order.refunded_after_capture'
                   AND payload ->> 'refund' = refund.id::text
               ) AS proof ON true
          LEFT JOIN LATERAL (
                SELECT sum(net) AS net, sum(commission) AS commission, sum(vat) AS vat
                  FROM settlement_capture WHERE order_id = refund.order_id
               ) AS captured ON true
        WINDOW earlier AS (PARTITION BY refund.order_id ORDER BY refund.number)
       ) AS refund
  FULL JOIN (
        SELECT tx_id, coalesce(sum(amount) FILTER (WHERE kind = 'refund_net'), 0) AS net,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund_advance'), 0) AS advanced,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund_commission'), 0) AS commission,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund_vat'), 0) AS vat
          FROM ledger_transfer
         WHERE kind IN ('refund_net', 'refund_advance', 'refund_commission', 'refund_vat')
         GROUP BY tx_id
       ) AS posted ON posted.tx_id = refund.id
 CROSS JOIN LATERAL (
        VALUES ('from the payable', coalesce(refund.net - refund.advanced, 0)::numeric, coalesce(posted.net, 0)),
               ('advanced', coalesce(refund.advanced, 0), coalesce(posted.advanced, 0)),
               ('commission', coalesce(refund.commission, 0), coalesce(posted.commission, 0)),
               ('VAT', coalesce(refund.vat, 0), coalesce(posted.vat, 0)),
               ('by its evidence', coalesce(refund.proved, 0), coalesce(refund.amount, 0)),
               ('net beyond what was captured', 0, greatest(refund.all_net - coalesce(refund.captured_net, 0), 0)),
               ('commission beyond what was captured', 0,
                greatest(refund.all_commission - coalesce(refund.captured_commission, 0), 0)),
               ('VAT beyond what was captured', 0, greatest(refund.all_vat - coalesce(refund.captured_vat, 0), 0))
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
"""

RECEIVABLES = """
SELECT 'account', account.id::text, vendor.name || ' receivable', 'advanced and not repaid',
       coalesce(advance.amount, 0) - coalesce(repaid.amount, 0), -account.balance
  FROM ledger_account AS account
  JOIN accounts_organization AS vendor ON vendor.id = account.organization_id
  LEFT JOIN (
        SELECT vendor_org_id, currency, sum(advanced) AS amount FROM settlement_refund GROUP BY vendor_org_id, currency
       ) AS advance ON (advance.vendor_org_id, advance.currency) = (account.organization_id, account.currency)
  LEFT JOIN (
        SELECT credit_account_id, sum(amount) AS amount FROM ledger_transfer WHERE kind = 'repayment'
         GROUP BY credit_account_id
       ) AS repaid ON repaid.credit_account_id = account.id
 WHERE account.kind = 'receivable'
   AND coalesce(advance.amount, 0) - coalesce(repaid.amount, 0) <> -account.balance
"""

# Against the original too: what a reversal reverses has never changed.
CORRECTIONS = """
SELECT 'correction', coalesce(correction.id, posted.subject_id)::text, coalesce(correction.reason, 'unknown'),
       fact.name, fact.expected, fact.found
  FROM ledger_correction AS correction
  LEFT JOIN ledger_transfer AS original ON original.id = correction.reverses_id
  FULL JOIN (SELECT * FROM ledger_transfer WHERE kind = 'correction') AS posted ON posted.subject_id = correction.id
 CROSS JOIN LATERAL (
        VALUES ('posted', CASE correction.state WHEN 'approved' THEN correction.amount ELSE 0 END,
                coalesce(posted.amount, 0)),
               ('between other accounts', 0,
                ((posted.debit_account_id, posted.credit_account_id)
                 <> (correction.debit_account_id, correction.credit_account_id))::int),
               ('not its transfer the other way', 0,
                ((original.credit_account_id, original.debit_account_id, original.amount)
                 <> (correction.debit_account_id, correction.credit_account_id, correction.amount))::int)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
"""
