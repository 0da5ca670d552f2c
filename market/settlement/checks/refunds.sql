SELECT 'refunds', 'refund', coalesce(refund.id, posted.tx_id)::text,
       coalesce(refund.reference, 'no such refund'), fact.name, fact.expected, fact.found
  FROM (
        SELECT refund.*, proof.amount AS proved, captured.net AS captured_net,
               captured.commission AS captured_commission, captured.vat AS captured_vat,
               sum(refund.net) OVER earlier AS all_net, sum(refund.commission) OVER earlier AS all_commission,
               sum(refund.vat) OVER earlier AS all_vat
          FROM settlement_refund AS refund
          LEFT JOIN LATERAL (
                SELECT (payload ->> 'amount')::bigint AS amount
                  FROM audit_auditevent
                 WHERE subject_id = refund.order_id AND name = 'order.refunded_after_capture'
                   AND payload ->> 'refund' = refund.id::text
               ) AS proof ON true
          LEFT JOIN LATERAL (
                SELECT sum(net) AS net, sum(commission) AS commission, sum(vat) AS vat
                  FROM settlement_capture WHERE order_id = refund.order_id
               ) AS captured ON true
        WINDOW earlier AS (PARTITION BY refund.order_id ORDER BY refund.number)
       ) AS refund
  FULL JOIN (
        SELECT tx_id, coalesce(sum(amount) FILTER (WHERE kind = 'refund_net'), 0) AS net,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund_advance'), 0) AS advanced,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund_commission'), 0) AS commission,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund_vat'), 0) AS vat
          FROM ledger_transfer
         WHERE kind IN ('refund_net', 'refund_advance', 'refund_commission', 'refund_vat')
         GROUP BY tx_id
       ) AS posted ON posted.tx_id = refund.id
 CROSS JOIN LATERAL (
        VALUES ('from the payable', coalesce(refund.net - refund.advanced, 0)::numeric, coalesce(posted.net, 0)),
               ('advanced', coalesce(refund.advanced, 0), coalesce(posted.advanced, 0)),
               ('commission', coalesce(refund.commission, 0), coalesce(posted.commission, 0)),
               ('VAT', coalesce(refund.vat, 0), coalesce(posted.vat, 0)),
               ('by its evidence', coalesce(refund.proved, 0), coalesce(refund.amount, 0)),
               ('net beyond what was captured', 0, greatest(refund.all_net - coalesce(refund.captured_net, 0), 0)),
               ('commission beyond what was captured', 0,
                greatest(refund.all_commission - coalesce(refund.captured_commission, 0), 0)),
               ('VAT beyond what was captured', 0, greatest(refund.all_vat - coalesce(refund.captured_vat, 0), 0))
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
