SELECT 'evidence', 'order', sale.id::text, sale.number, 'price by its evidence',
       coalesce(sum((proof.payload ->> 'amount')::bigint), 0), sale.amount
  FROM orders_order AS sale
  LEFT JOIN audit_auditevent AS proof ON proof.subject_id = sale.id AND proof.name = 'order.placed'
 WHERE sale.id = ANY(%(orders)s)
 GROUP BY sale.id
HAVING coalesce(sum((proof.payload ->> 'amount')::bigint), 0) <> sale.amount
UNION ALL
SELECT 'evidence', 'order', captured.order_id::text, captured.order_id::text, 'net by its evidence',
       coalesce(proof.net, 0), captured.net
  FROM (
        SELECT order_id, sum(net) AS net
          FROM settlement_capture
         WHERE order_id = ANY(%(orders)s)
         GROUP BY order_id
       ) AS captured
  LEFT JOIN (
        SELECT subject_id, sum((payload ->> 'net')::bigint) AS net
          FROM audit_auditevent
         WHERE subject_id = ANY(%(orders)s) AND name = 'order.captured'
         GROUP BY subject_id
       ) AS proof ON proof.subject_id = captured.order_id
 WHERE coalesce(proof.net, 0) <> captured.net
