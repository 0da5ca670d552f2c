"""What must add up about orders, as SQL in the form of ``checks``. Amounts are fen."""

# What lies in escrow by the orders and charges alone; only of a contract that still runs it is what its transfers left.
ESCROW = """
SELECT 'account', account.id::text, buyer.name || ' escrow', 'money of open orders',
       coalesce(open.amount, 0), coalesce(account.balance, 0)
  FROM (
        SELECT sale.buyer_org_id, sale.currency,
               sum(CASE WHEN sale.state = ANY(%(holds_escrow)s) THEN sale.amount
                        WHEN charged.is_final THEN charged.open
                        ELSE coalesce(moved.held, 0) END) AS amount
          FROM orders_order AS sale
          JOIN catalog_offer AS offer ON offer.id = sale.offer_id
          LEFT JOIN (
                SELECT charge.order_id, bool_or(charge.is_final) AS is_final,
                       coalesce(sum(charge.amount) FILTER (WHERE capture.id IS NULL), 0) AS open
                  FROM orders_charge AS charge
                  LEFT JOIN settlement_capture AS capture ON capture.charge_id = charge.id
                 GROUP BY charge.order_id
               ) AS charged ON charged.order_id = sale.id
          LEFT JOIN LATERAL (
                SELECT sum(CASE kind WHEN 'escrow' THEN amount ELSE -amount END) AS held
                  FROM ledger_transfer
                 WHERE subject_id = sale.id AND subject_type = 'order'
               ) AS moved ON sale.state = 'accepted' AND offer.months > 0
         WHERE sale.state = ANY(%(holds_escrow)s) OR sale.state IN ('accepted', 'settled')
         GROUP BY sale.buyer_org_id, sale.currency
       ) AS open
  FULL JOIN (SELECT * FROM ledger_account WHERE kind = 'escrow') AS account
    ON (account.organization_id, account.currency) = (open.buyer_org_id, open.currency)
  JOIN accounts_organization AS buyer ON buyer.id = coalesce(account.organization_id, open.buyer_org_id)
 WHERE coalesce(open.amount, 0) <> coalesce(account.balance, 0)
"""

# Escrowed is released, captured or still held. The placement pays the order's amount in; only what runs (its offer has
# months) is fed again. With the final charge nothing is left beyond all charges; before acceptance nothing moves on.
# An order that had to wait and was cancelled before it was paid never had money in escrow.
ORDERS = """
SELECT 'order', coalesce(sale.id, moved.order_id)::text, coalesce(sale.number, 'no such order'),
       fact.name, fact.expected, fact.found
  FROM orders_order AS sale
  JOIN catalog_offer AS offer ON offer.id = sale.offer_id
  FULL JOIN (
        SELECT subject_id AS order_id,
               coalesce(sum(amount) FILTER (WHERE business_key = 'order:' || subject_id || ':escrow'), 0) AS placed,
               coalesce(sum(amount) FILTER (WHERE kind = 'escrow'), 0) AS escrowed,
               coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0) AS released,
               coalesce(sum(amount) FILTER (WHERE kind NOT IN ('escrow', 'release')), 0) AS captured
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
 WHERE fact.expected <> fact.found
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
        OR debit.organization_id <> sale.buyer_org_id
        OR credit.organization_id
           <> CASE WHEN posted.kind IN ('escrow', 'release') THEN sale.buyer_org_id ELSE sale.vendor_org_id END
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
 WHERE (sale.state = 'settled' OR line.id IS NOT NULL) AND fact.expected <> fact.found
"""
