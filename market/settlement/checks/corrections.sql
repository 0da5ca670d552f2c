-- Against the original too: what a reversal reverses has never changed.
SELECT 'corrections', 'correction', coalesce(correction.id, posted.subject_id)::text,
       coalesce(correction.reason, 'unknown'), fact.name, fact.expected, fact.found
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
