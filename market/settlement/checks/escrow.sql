-- What lies in escrow by the orders and charges alone; only of a contract that still runs it is what its transfers left.
-- Of a settled order every charge is captured (`orders` sees to that): nothing of it lies there.
SELECT 'escrow', 'account', account.id::text, buyer.name || ' escrow', 'money of open orders',
       coalesce(open.amount, 0), coalesce(account.balance, 0)
  FROM (
        SELECT buyer_org_id, currency, sum(amount) AS amount
          FROM (
                SELECT buyer_org_id, currency, amount FROM orders_order WHERE state = ANY(%(holds_escrow)s)
                UNION ALL
                SELECT sale.buyer_org_id, sale.currency, open.amount
                  FROM orders_order AS sale
                 CROSS JOIN LATERAL (
                        SELECT coalesce(sum(charge.amount) FILTER (WHERE capture.id IS NULL), 0) AS amount
                          FROM orders_charge AS charge
                          LEFT JOIN settlement_capture AS capture ON capture.charge_id = charge.id
                         WHERE charge.order_id = sale.id
                        HAVING bool_or(charge.is_final)
                       ) AS open
                 WHERE sale.state = 'accepted'
                UNION ALL
                SELECT sale.buyer_org_id, sale.currency, moved.held
                  FROM orders_order AS sale
                  JOIN catalog_offer AS offer ON offer.id = sale.offer_id AND offer.months > 0
                 CROSS JOIN LATERAL (
                        SELECT coalesce(sum(CASE kind WHEN 'escrow' THEN amount ELSE -amount END), 0) AS held
                          FROM ledger_transfer
                         WHERE subject_id = sale.id AND subject_type = 'order' AND NOT starts_with(kind, 'refund_')
                       ) AS moved
                 WHERE sale.state = 'accepted'
                   AND NOT EXISTS (SELECT FROM orders_charge AS last WHERE last.order_id = sale.id AND last.is_final)
               ) AS part
         GROUP BY buyer_org_id, currency
       ) AS open
  FULL JOIN (SELECT * FROM ledger_account WHERE kind = 'escrow') AS account
    ON (account.organization_id, account.currency) = (open.buyer_org_id, open.currency)
  JOIN accounts_organization AS buyer ON buyer.id = coalesce(account.organization_id, open.buyer_org_id)
 WHERE coalesce(open.amount, 0) <> coalesce(account.balance, 0)
