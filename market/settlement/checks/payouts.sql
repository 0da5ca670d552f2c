SELECT 'payouts', 'payout', coalesce(payout.id, moved.payout_id)::text, coalesce(payout.reference, 'no such payout'),
       fact.name, fact.expected, fact.found
  FROM settlement_payout AS payout
  FULL JOIN (
        SELECT posted.subject_id AS payout_id,
               coalesce(sum(posted.amount) FILTER (WHERE posted.kind = 'payout'), 0) AS sent,
               coalesce(sum(posted.amount) FILTER (WHERE posted.kind = 'payout_bounced'), 0) AS came_back,
               min(account.organization_id::text) AS vendor_from,
               max(account.organization_id::text) AS vendor_to
          FROM ledger_transfer AS posted
          JOIN ledger_account AS account
            ON account.id
             = CASE posted.kind WHEN 'payout' THEN posted.debit_account_id ELSE posted.credit_account_id END
         WHERE posted.subject_type = 'payout'
         GROUP BY posted.subject_id
       ) AS moved ON moved.payout_id = payout.id
  LEFT JOIN settlement_settlementbatch AS batch ON batch.id = payout.batch_id
 CROSS JOIN LATERAL (
        VALUES ('net of its batch and what it carried', coalesce(batch.net + batch.carried, 0),
                coalesce(payout.amount, 0)),
               ('sent', CASE WHEN payout.state IN ('sent', 'confirmed', 'bounced') THEN payout.amount ELSE 0 END,
                coalesce(moved.sent, 0)),
               ('came back', CASE WHEN payout.state = 'bounced' THEN payout.amount ELSE 0 END,
                coalesce(moved.came_back, 0)),
               ('for another vendor or in another currency', 0,
                (payout.vendor_org_id <> batch.vendor_org_id
                 OR payout.currency <> batch.currency
                 OR coalesce(moved.vendor_from, payout.vendor_org_id::text) <> payout.vendor_org_id::text
                 OR coalesce(moved.vendor_to, payout.vendor_org_id::text) <> payout.vendor_org_id::text)::int)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
UNION ALL
SELECT 'payouts', 'batch', batch.id::text,
       vendor.name || ' ' || to_char(batch.cutoff AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD'),
       'payouts that live',
       (batch.net + batch.carried > 0 AND NOT bool_or(coalesce(payout.state = 'void', false)))::int,
       count(payout.id) FILTER (WHERE payout.state <> 'void')
  FROM settlement_settlementbatch AS batch
  JOIN accounts_organization AS vendor ON vendor.id = batch.vendor_org_id
  LEFT JOIN settlement_payout AS payout ON payout.batch_id = batch.id AND payout.state <> 'bounced'
 GROUP BY batch.id, vendor.name
HAVING count(payout.id) FILTER (WHERE payout.state <> 'void')
    <> (batch.net + batch.carried > 0 AND NOT bool_or(coalesce(payout.state = 'void', false)))::int
