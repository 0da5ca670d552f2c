SELECT 'receivables', 'account', account.id::text, vendor.name || ' receivable', 'advanced and not repaid',
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
