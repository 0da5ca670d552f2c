SELECT 'payable', 'account', account.id::text, vendor.name || ' payable', 'captured, not taken back and not paid out',
       coalesce(earned.amount, 0) - coalesce(paid.amount, 0) - coalesce(taken.amount, 0), coalesce(account.balance, 0)
  FROM (SELECT vendor_org_id, currency, sum(net) AS amount FROM settlement_capture GROUP BY vendor_org_id, currency)
    AS earned
  FULL JOIN (
        SELECT vendor_org_id, currency, sum(amount) AS amount
          FROM settlement_payout
         WHERE state IN ('sent', 'confirmed')
         GROUP BY vendor_org_id, currency
       ) AS paid USING (vendor_org_id, currency)
  FULL JOIN (
        SELECT vendor_org_id, currency, sum(amount) AS amount
          FROM (
                SELECT vendor_org_id, currency, net - advanced AS amount FROM settlement_refund
                UNION ALL
                SELECT account.organization_id, account.currency, repaid.amount
                  FROM ledger_account AS account
                 CROSS JOIN LATERAL (
                        SELECT sum(amount) AS amount FROM ledger_transfer WHERE credit_account_id = account.id
                       ) AS repaid
                 WHERE account.kind = 'receivable'
                UNION ALL
                SELECT account.organization_id, account.currency,
                       CASE account.id WHEN correction.debit_account_id THEN correction.amount
                                       ELSE -correction.amount END
                  FROM ledger_correction AS correction
                  JOIN ledger_account AS account
                    ON account.id IN (correction.debit_account_id, correction.credit_account_id)
                 WHERE account.kind = 'payable' AND correction.state = 'approved'
               ) AS back
         GROUP BY vendor_org_id, currency
       ) AS taken USING (vendor_org_id, currency)
  FULL JOIN (SELECT *, organization_id AS vendor_org_id FROM ledger_account WHERE kind = 'payable') AS account
      USING (vendor_org_id, currency)
  JOIN accounts_organization AS vendor ON vendor.id = vendor_org_id
 WHERE coalesce(earned.amount, 0) - coalesce(paid.amount, 0) - coalesce(taken.amount, 0) <> coalesce(account.balance, 0)
