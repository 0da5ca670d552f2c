"""What must add up about orders, as SQL in the form of ``checks``. Amounts are fen."""

# What lies in escrow by the orders and charges alone; only of a contract that still runs it is what its transfers left.
ESCROW = """
SELECT 'account', account.id::text, buyer.name || ' escrow', 'money of open orders',
       coalesce(open.amount, 0), coalesce(account.balance, 0)
  FROM (
        SELECT buyer_org_id, currency, sum(amount) AS amount
          FROM (
                SELECT buyer_org_id, currency, amount FROM orders_order WHERE state = ANY(%(holds_escrow)s)
                UNION ALL
                SELECT sale.buyer_org_id, sale.currency, charge.amount
                  FROM orders_charge AS charge
                  JOIN orders_order AS sale ON sale.id = charge.order_id AND sale.state IN ('accepted', 'settled')
                 WHERE NOT EXISTS (SELECT FROM settlement_capture AS capture WHERE capture.charge_id = charge.id)
                   AND EXISTS (SELECT FROM orders_charge AS last WHERE last.order_id = sale.id AND last.is_final)
                UNION ALL
                SELECT sale.buyer_org_id, sale.currency, moved.held
                  FROM orders_order AS sale
                  JOIN catalog_offer AS offer ON offer.id = sale.offer_id AND offer.months > 0
                 CROSS JOIN LATERAL (
                        SELECT coalesce(sum(CASE kind WHEN 'escrow' THEN amount ELSE -amount END), 0) AS held
                          FROM ledger_transfer
                         WHERE subject_id = sale.id AND subject_type = 'order' AND NOT starts_with(kind, 'refund_')
                       ) AS moved
                 WHERE sale.state = 'accepted'
                   AND NOT EXISTS (SELECT FROM orders_charge AS last WHERE last.order_id = sale.id AND last.is_final)
               ) AS part
         GROUP BY buyer_org_id, currency
       ) AS open
  FULL JOIN (SELECT * FROM ledger_account WHERE kind = 'escrow') AS account
    ON (account.organization_id, account.currency) = (open.buyer_org_id, open.currency)
  JOIN accounts_organization AS buyer ON buyer.id = coalesce(account.organization_id, open.buyer_org_id)
 WHERE coalesce(open.amount, 0) <> coalesce(account.balance, 0)
"""

# Escrowed is released, captured or still held. The placement pays the order's amount in; only what runs (its offer has
# months) is fed again. With the final charge nothing is left beyond all charges; before acceptance nothing moves on.
# An order that had to wait and was cancelled before it was paid never had money in escrow. Of nearly all orders one
# condition sees at once that every fact holds (it follows from it); the facts are worked out for the others only.
ORDERS = """
SELECT 'order', coalesce(sale.id, moved.order_id)::text, coalesce(sale.number, 'no such order'),
       fact.name, fact.expected, fact.found
  FROM orders_order AS sale
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
         WHERE subject_type = 'order'
         GROUP BY subject_id
       ) AS moved ON moved.order_id = sale.id
  LEFT JOIN (
        SELECT charge.order_id, sum(charge.amount) AS amount, count(*) FILTER (WHERE charge.is_final) AS finals,
               coalesce(sum(capture.gross), 0) AS captured
          FROM orders_charge AS charge
          LEFT JOIN settlement_capture AS capture ON capture.charge_id = charge.id
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
 WHERE (
        offer.months = 0 AND moved.placed = sale.amount AND moved.escrowed = moved.placed
        AND CASE WHEN sale.state IN ('accepted', 'settled')
                 THEN charged.finals = 1 AND moved.released = moved.escrowed - charged.amount
                      AND moved.captured = charged.captured
                      AND (sale.state = 'accepted' OR charged.amount = charged.captured)
                 WHEN sale.state = ANY(%(holds_escrow)s)
                 THEN charged.order_id IS NULL AND moved.released = 0 AND moved.captured = 0
                 WHEN sale.state IN ('cancelled', 'refunded')
                 THEN charged.order_id IS NULL AND moved.released = moved.escrowed AND moved.captured = 0
                      AND sale.approval_due_at IS NULL AND sale.funds_due_at IS NULL
                 ELSE false END
       ) IS NOT TRUE
   AND fact.expected <> fact.found
"""

PARTIES = """
SELECT 'transfer', posted.id::text, posted.business_key, 'money of an order between others than its parties',
       0, posted.amount
  FROM ledger_transfer AS posted
  JOIN orders_order AS sale ON sale.id = posted.subject_id
  JOIN ledger_account AS debit ON debit.id = posted.debit_account_id
  JOIN ledger_account AS credit ON credit.id = posted.credit_account_id
 WHERE posted.subject_type = 'order'
   AND (
        posted.currency <> sale.currency
        OR debit.organization_id
           <> CASE WHEN starts_with(posted.kind, 'refund_') THEN sale.vendor_org_id ELSE sale.buyer_org_id END
        OR credit.organization_id
           <> CASE WHEN starts_with(posted.kind, 'capture_') THEN sale.vendor_org_id ELSE sale.buyer_org_id END
       )
"""

# An order is settled with the line of its final charge; a final charge of nothing needs none.
LINES = """
SELECT 'order', sale.id::text, sale.number, fact.name, fact.expected, fact.found
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
 WHERE (sale.state = 'settled' OR line.id IS NOT NULL)
   AND (
        sale.state = 'settled' AND charge.is_final AND charge.amount > 0 AND line.vendor_org_id = capture.vendor_org_id
        AND batch.vendor_org_id = capture.vendor_org_id AND batch.currency = capture.currency
        AND capture.captured_at < batch.cutoff
       ) IS NOT TRUE
   AND fact.expected <> fact.found
"""
