-- Of every kind of transfer, the kinds of accounts it may lead from and to. {which} says of which transfers this is asked.
SELECT 'routes', 'transfer', posted.id::text, posted.business_key,
       posted.kind || ' from ' || coalesce(debit.kind, 'nowhere') || ' to ' || coalesce(credit.kind, 'nowhere'),
       0, posted.amount
  FROM ledger_transfer AS posted
  LEFT JOIN ledger_account AS debit ON (debit.id, debit.currency) = (posted.debit_account_id, posted.currency)
  LEFT JOIN ledger_account AS credit ON (credit.id, credit.currency) = (posted.credit_account_id, posted.currency)
  LEFT JOIN (
        VALUES ('deposit', 'bank', 'wallet'),
               ('deposit', 'provider', 'wallet'),
               ('provider_paid', 'bank', 'provider'),
               ('provider_fee', 'provider_fees', 'provider'),
               ('escrow', 'wallet', 'escrow'),
               ('release', 'escrow', 'wallet'),
               ('capture_net', 'escrow', 'payable'),
               ('capture_commission', 'escrow', 'commission'),
               ('capture_vat', 'escrow', 'vat'),
               ('payout', 'payable', 'bank'),
               ('payout_bounced', 'bank', 'payable'),
               ('refund_net', 'payable', 'wallet'),
               ('refund_commission', 'commission', 'wallet'),
               ('refund_vat', 'vat', 'wallet'),
               ('refund_advance', 'receivable', 'wallet'),
               ('repayment', 'payable', 'receivable')
       ) AS route (kind, debit, credit)
    ON (route.kind, route.debit, route.credit) = (posted.kind, debit.kind, credit.kind)
 WHERE {which} AND route.kind IS NULL
   AND (posted.kind = 'correction' AND debit.kind = ANY(%(correctable)s) AND credit.kind = ANY(%(correctable)s))
       IS NOT TRUE
