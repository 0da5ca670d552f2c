SELECT 'parties', 'transfer', posted.id::text, posted.business_key, 'money of an order between others than its parties',
       0, posted.amount
  FROM ledger_transfer AS posted
  JOIN orders_order AS sale ON sale.id = posted.subject_id
  JOIN ledger_account AS debit ON debit.id = posted.debit_account_id
  JOIN ledger_account AS credit ON credit.id = posted.credit_account_id
 WHERE posted.subject_type = 'order' AND posted.subject_id = ANY(%(orders)s)
   AND (
        posted.currency <> sale.currency
        OR debit.organization_id
           <> CASE WHEN starts_with(posted.kind, 'refund_') THEN sale.vendor_org_id ELSE sale.buyer_org_id END
        OR credit.organization_id
           <> CASE WHEN starts_with(posted.kind, 'capture_') THEN sale.vendor_org_id ELSE sale.buyer_org_id END
       )
