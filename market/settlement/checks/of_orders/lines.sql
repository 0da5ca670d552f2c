-- An order is settled with the line of its final charge; a final charge of nothing needs none.
SELECT 'lines', 'order', sale.id::text, sale.number, fact.name, fact.expected, fact.found
  FROM orders_order AS sale
  LEFT JOIN orders_charge AS charge ON charge.order_id = sale.id
  LEFT JOIN settlement_capture AS capture ON capture.charge_id = charge.id
  LEFT JOIN settlement_batchline AS line ON line.capture_id = capture.id
  LEFT JOIN settlement_settlementbatch AS batch ON batch.id = line.batch_id
 CROSS JOIN LATERAL (
        VALUES ('lines of a batch',
                CASE WHEN coalesce(charge.is_final, true)
                     THEN (sale.state = 'settled' AND coalesce(charge.amount, sale.amount) > 0)::int
                     ELSE (line.id IS NOT NULL)::int END,
                (line.id IS NOT NULL)::int),
               ('in the batch of another vendor, currency or cutoff', 0,
                (line.id IS NOT NULL AND (
                    batch.id IS NULL
                    OR (batch.vendor_org_id, batch.currency) <> (capture.vendor_org_id, capture.currency)
                    OR line.vendor_org_id <> capture.vendor_org_id
                    OR capture.captured_at >= batch.cutoff
                ))::int)
       ) AS fact (name, expected, found)
 WHERE sale.id = ANY(%(orders)s) AND (sale.state = 'settled' OR line.id IS NOT NULL)
   AND fact.expected <> fact.found
