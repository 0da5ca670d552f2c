-- Escrowed is released, captured or still held. The placement pays the order's amount in; only what runs (its offer has
-- months) is fed again. With the final charge nothing is left beyond all charges; before acceptance nothing moves on.
-- An order that had to wait and was cancelled before it was paid never had money in escrow.
SELECT 'orders', 'order', coalesce(sale.id, moved.order_id)::text, coalesce(sale.number, 'no such order'),
       fact.name, fact.expected, fact.found
  FROM (SELECT * FROM orders_order WHERE id = ANY(%(orders)s)) AS sale
  JOIN catalog_offer AS offer ON offer.id = sale.offer_id
  FULL JOIN (
        SELECT subject_id AS order_id,
               coalesce(
                   sum(amount) FILTER (WHERE kind = 'escrow' AND business_key = 'order:' || subject_id || ':escrow'), 0
               ) AS placed,
               coalesce(sum(amount) FILTER (WHERE kind = 'escrow'), 0) AS escrowed,
               coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0) AS released,
               coalesce(sum(amount) FILTER (WHERE kind IN ('capture_net', 'capture_commission', 'capture_vat')), 0)
                   AS captured
          FROM ledger_transfer
         WHERE subject_type = 'order' AND subject_id = ANY(%(orders)s)
         GROUP BY subject_id
       ) AS moved ON moved.order_id = sale.id
  LEFT JOIN (
        SELECT charge.order_id, sum(charge.amount) AS amount, count(*) FILTER (WHERE charge.is_final) AS finals,
               coalesce(sum(capture.gross), 0) AS captured
          FROM orders_charge AS charge
          LEFT JOIN settlement_capture AS capture ON capture.charge_id = charge.id
         WHERE charge.order_id = ANY(%(orders)s)
         GROUP BY charge.order_id
       ) AS charged ON charged.order_id = sale.id
 CROSS JOIN LATERAL (
        SELECT sale.state IN ('awaiting_approval', 'awaiting_funds', 'expired')
               OR (
                   sale.state = 'cancelled'
                   AND coalesce(sale.approval_due_at, sale.funds_due_at) IS NOT NULL
                   AND NOT EXISTS (
                       SELECT FROM audit_auditevent AS proof
                        WHERE proof.subject_id = sale.id AND proof.name = 'order.paid'
                   )
               ) AS unpaid,
               sale.state IN ('accepted', 'settled') AS accepted
       ) AS money
 CROSS JOIN LATERAL (
        VALUES ('into escrow',
                CASE WHEN money.unpaid THEN 0 ELSE coalesce(sale.amount, 0) END,
                coalesce(moved.placed, 0)),
               ('into escrow later',
                CASE WHEN offer.months > 0 AND money.accepted THEN moved.escrowed - moved.placed ELSE 0 END,
                coalesce(moved.escrowed - moved.placed, 0)),
               ('back to the wallet',
                CASE WHEN money.unpaid THEN 0
                     WHEN sale.state IN ('cancelled', 'refunded') THEN coalesce(moved.escrowed, sale.amount)
                     WHEN charged.finals > 0 THEN coalesce(moved.escrowed, 0) - charged.amount
                     WHEN offer.months > 0 AND money.accepted THEN coalesce(moved.released, 0)
                     ELSE 0 END,
                coalesce(moved.released, 0)),
               ('charges captured at the end',
                CASE WHEN sale.state = 'settled' THEN charged.amount ELSE charged.captured END, charged.captured),
               ('charged and captured', coalesce(charged.captured, 0), coalesce(moved.captured, 0)),
               ('charges before it was accepted', 0,
                CASE WHEN money.accepted THEN 0 ELSE coalesce(charged.amount, 0) END),
               ('final charges',
                CASE WHEN offer.months > 0 AND sale.state = 'accepted' THEN coalesce(charged.finals, 0)
                     ELSE money.accepted::int END,
                coalesce(charged.finals, 0)),
               ('held beyond what is charged', 0,
                CASE WHEN sale.state IN ('cancelled', 'refunded', 'settled') OR charged.finals > 0
                     THEN coalesce(moved.escrowed - moved.released - moved.captured, 0)
                          - coalesce(charged.amount - charged.captured, 0)
                     ELSE least(coalesce(moved.escrowed - moved.released - moved.captured, 0), 0) END)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
