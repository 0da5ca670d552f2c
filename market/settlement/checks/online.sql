-- A payment that its provider has confirmed and that was deposited has one deposit, and no other payment has any.
SELECT 'online', 'online payment', coalesce(payment.id, posted.subject_id)::text,
       coalesce(payment.provider || ' ' || payment.transaction_id, 'no such payment'),
       fact.name, fact.expected, fact.found
  FROM banking_onlinepayment AS payment
  FULL JOIN (
        SELECT posted.subject_id, count(*) AS deposits, sum(posted.amount) AS amount,
               array_agg(DISTINCT (wallet.organization_id, posted.currency)::text) AS into
          FROM ledger_transfer AS posted
          JOIN ledger_account AS debit ON debit.id = posted.debit_account_id
          LEFT JOIN ledger_account AS wallet ON wallet.id = posted.credit_account_id
         WHERE posted.kind = 'deposit' AND (debit.kind = 'provider' OR posted.subject_type = 'onlinepayment')
         GROUP BY posted.subject_id
       ) AS posted ON posted.subject_id = payment.id
 CROSS JOIN LATERAL (
        VALUES ('deposits', coalesce(payment.state = 'deposited', false)::int::bigint, coalesce(posted.deposits, 0)),
               ('deposited', CASE payment.state WHEN 'deposited' THEN payment.amount ELSE 0 END,
                coalesce(posted.amount, 0)),
               ('into the wallet of another buyer or in another currency', 0,
                (posted.into <> ARRAY[(payment.buyer_org_id, payment.currency)::text])::int)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
