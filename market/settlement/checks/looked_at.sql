-- How many objects each check looks at, in a column of its name.
WITH aside AS (
    SELECT count(*) FILTER (WHERE subject_type <> 'order') AS transfers,
           count(*) FILTER (WHERE kind = 'deposit') AS deposits
      FROM ledger_transfer
     WHERE subject_type <> 'order' OR kind = 'deposit'
), everything AS (
    SELECT (SELECT count(*) FROM ledger_transfer) AS transfers, (SELECT count(*) FROM orders_order) AS orders,
           (SELECT count(*) FROM settlement_capture) AS captures
), account AS (
    SELECT count(*) AS accounts, count(balance) AS guarded, count(*) FILTER (WHERE kind = 'escrow') AS escrow,
           count(*) FILTER (WHERE kind = 'payable') AS payable, count(*) FILTER (WHERE kind = 'receivable') AS receivable
      FROM ledger_account
)
SELECT account.accounts AS zero_sum, account.guarded AS balances,
       (SELECT count(*) FROM ledger_balancesnapshot) AS snapshots,
       everything.transfers AS routes, account.escrow, everything.orders,
       everything.transfers - aside.transfers AS parties,
       (SELECT count(*) FROM billing_meter) + (SELECT count(*) FROM billing_statement) AS use,
       everything.captures, (SELECT count(*) FROM settlement_monthlyvolume) AS volumes,
       (SELECT count(*) FROM settlement_settlementbatch) AS batches,
       (SELECT count(*) FROM settlement_batchline) AS lines, (SELECT count(*) FROM settlement_payout) AS payouts,
       account.payable, (SELECT count(*) FROM settlement_refund) AS refunds, account.receivable AS receivables,
       (SELECT count(*) FROM ledger_correction) AS corrections, (SELECT count(*) FROM banking_onlinepayment) AS online,
       aside.deposits + everything.orders + everything.captures AS evidence
  FROM aside, everything, account
