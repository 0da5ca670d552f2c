SELECT 'evidence', 'transfer', posted.id::text, posted.business_key, 'deposit by its evidence',
       coalesce(sum((proof.payload ->> 'amount')::bigint), 0), posted.amount
  FROM ledger_transfer AS posted
  LEFT JOIN audit_auditevent AS proof ON proof.subject_id = posted.id AND proof.name = 'deposit.confirmed'
 WHERE posted.kind = 'deposit'
 GROUP BY posted.id
HAVING coalesce(sum((proof.payload ->> 'amount')::bigint), 0) <> posted.amount
