-- Everything that belongs to an order, read once, side by side in the order of its key: one row with the orders from `first`
-- to `last` for which not everything can be seen to hold at a glance. Not that something drifts: that the checks of orders
-- must be asked. For an order that is left out here, none of them would find anything.
--
-- At a glance one sees an order that does not run (its offer has no months): it has at most one transfer of each everyday
-- kind, each between the right accounts of its own buyer and vendor and by the act that it belongs to; at most one charge,
-- which is the final one, and one capture of it, by the fee schedule that was in force; its audit events say the same. What
-- was fed, released, charged or refunded in parts is not seen, nor what does not exist while transfers speak of it.
WITH schedule AS (
    SELECT id, vat_general_bps, vat_small_scale_bps, effective_from,
           coalesce(lead(effective_from) OVER (ORDER BY effective_from, version), 'infinity') AS until
      FROM settlement_feeschedule
     WHERE effective_from IS NOT NULL
), moved AS NOT MATERIALIZED (
    SELECT subject_id AS order_id, count(*) AS transfers, min(currency) AS currency, max(currency) AS last_currency,
           max(amount) FILTER (WHERE kind = 'escrow') AS placed,
           any_value(debit_account_id) FILTER (WHERE kind = 'escrow') AS placed_from,
           any_value(credit_account_id) FILTER (WHERE kind = 'escrow') AS placed_to,
           any_value(business_key) FILTER (WHERE kind = 'escrow') AS placed_as,
           max(amount) FILTER (WHERE kind = 'release') AS released,
           any_value(debit_account_id) FILTER (WHERE kind = 'release') AS released_from,
           any_value(credit_account_id) FILTER (WHERE kind = 'release') AS released_to,
           max(amount) FILTER (WHERE kind = 'capture_net') AS net,
           any_value(debit_account_id) FILTER (WHERE kind = 'capture_net') AS net_from,
           any_value(credit_account_id) FILTER (WHERE kind = 'capture_net') AS net_to,
           any_value(tx_id) FILTER (WHERE kind = 'capture_net') AS net_by,
           max(amount) FILTER (WHERE kind = 'capture_commission') AS commission,
           any_value(debit_account_id) FILTER (WHERE kind = 'capture_commission') AS commission_from,
           any_value(credit_account_id) FILTER (WHERE kind = 'capture_commission') AS commission_to,
           any_value(tx_id) FILTER (WHERE kind = 'capture_commission') AS commission_by,
           max(amount) FILTER (WHERE kind = 'capture_vat') AS vat,
           any_value(debit_account_id) FILTER (WHERE kind = 'capture_vat') AS vat_from,
           any_value(credit_account_id) FILTER (WHERE kind = 'capture_vat') AS vat_to,
           any_value(tx_id) FILTER (WHERE kind = 'capture_vat') AS vat_by
      FROM ledger_transfer
     WHERE subject_id BETWEEN %(first)s AND %(last)s AND subject_type = 'order'
     GROUP BY subject_id
), proof AS NOT MATERIALIZED (
    SELECT subject_id AS order_id, count(*) AS events,
           max((payload ->> 'amount')::bigint) FILTER (WHERE name = 'order.placed') AS placed,
           max((payload ->> 'net')::bigint) FILTER (WHERE name = 'order.captured') AS net
      FROM audit_auditevent
     WHERE subject_id BETWEEN %(first)s AND %(last)s AND name IN ('order.placed', 'order.captured')
     GROUP BY subject_id
)
SELECT array_agg(coalesce(sale.id, moved.order_id)) FILTER (WHERE (
           sale.months = 0
           -- Each transfer is the only one of its kind and goes the right way, by the right act.
           AND coalesce(moved.transfers, 0)
             = num_nonnulls(moved.placed, moved.released, moved.net, moved.commission, moved.vat)
           AND (moved.order_id IS NULL OR (moved.currency = sale.currency AND moved.last_currency = sale.currency))
           AND (moved.placed IS NULL
                OR (moved.placed_from = wallet.id AND moved.placed_to = escrow.id
                    AND moved.placed_as = 'order:' || sale.id || ':escrow'))
           AND (moved.released IS NULL OR (moved.released_from = escrow.id AND moved.released_to = wallet.id))
           AND (moved.net IS NULL
                OR (moved.net_from = escrow.id AND moved.net_to = payable.id AND moved.net_by = capture.id))
           AND (moved.commission IS NULL
                OR (moved.commission_from = escrow.id AND moved.commission_to = commission.id
                    AND moved.commission_by = capture.id))
           AND (moved.vat IS NULL
                OR (moved.vat_from = escrow.id AND moved.vat_to = vat.id AND moved.vat_by = capture.id))
           -- The price went into escrow, and its evidence says so.
           AND coalesce(moved.placed, 0)
             = CASE WHEN sale.state IN ('awaiting_approval', 'awaiting_funds', 'expired') THEN 0 ELSE sale.amount END
           AND proof.placed = sale.amount AND proof.events = 1 + (capture.id IS NOT NULL)::int
           AND CASE
               WHEN charge.id IS NULL THEN
                   capture.id IS NULL AND moved.net IS NULL AND moved.commission IS NULL AND moved.vat IS NULL
                   AND CASE
                       WHEN sale.state IN ('cancelled', 'refunded') THEN
                           moved.released IS NOT DISTINCT FROM moved.placed
                           AND sale.approval_due_at IS NULL AND sale.funds_due_at IS NULL
                       ELSE moved.released IS NULL AND sale.state NOT IN ('accepted', 'settled')
                   END
               WHEN capture.id IS NULL THEN
                   (sale.state = 'accepted' OR (sale.state = 'settled' AND charge.amount = 0)) AND charge.is_final
                   AND coalesce(moved.released, 0) = sale.amount - charge.amount
                   AND moved.net IS NULL AND moved.commission IS NULL AND moved.vat IS NULL
                   AND NOT EXISTS (
                       SELECT FROM orders_charge AS other WHERE other.order_id = sale.id AND other.id <> charge.id
                   )
                   AND NOT EXISTS (SELECT FROM settlement_capture AS other WHERE other.charge_id = charge.id)
               ELSE
                   sale.state IN ('accepted', 'settled') AND charge.is_final
                   AND coalesce(moved.released, 0) = sale.amount - charge.amount
                   -- The capture is of this charge, divided by the schedule in force, and posted as it was divided.
                   AND capture.charge_id = charge.id AND capture.gross = charge.amount
                   AND capture.vendor_org_id = sale.vendor_org_id AND capture.vendor_org_id = charge.vendor_org_id
                   AND capture.currency = sale.currency AND capture.currency = charge.currency
                   AND capture.gross BETWEEN 0 AND 1000000000000
                   AND capture.commission BETWEEN 0 AND capture.gross AND capture.vat BETWEEN 0 AND capture.gross
                   AND capture.gross = capture.net + capture.commission + capture.vat
                   AND capture.net = coalesce(moved.net, 0) AND capture.net = proof.net
                   AND capture.commission = coalesce(moved.commission, 0)
                   AND capture.vat = coalesce(moved.vat, 0)
                   AND capture.captured_at >= schedule.effective_from AND capture.captured_at < schedule.until
                   AND abs(capture.commission * 10000 - fee.points) < 10000
                   AND abs(capture.vat * (10000 + rate.vat_bps) - capture.gross * rate.vat_bps) < 10000 + rate.vat_bps
                   -- Settled, it stands in a batch of its vendor that was made after it; before, in none.
                   AND CASE
                       WHEN line.id IS NULL THEN sale.state = 'accepted'
                       ELSE
                           sale.state = 'settled' AND line.vendor_org_id = capture.vendor_org_id
                           AND batch.vendor_org_id = capture.vendor_org_id AND batch.currency = capture.currency
                           AND batch.cutoff > capture.captured_at
                   END
           END) IS NOT TRUE) AS doubtful
  FROM (
        SELECT sale.*, offer.months
          FROM orders_order AS sale
          JOIN catalog_offer AS offer ON offer.id = sale.offer_id
         WHERE sale.id BETWEEN %(first)s AND %(last)s
       ) AS sale
  LEFT JOIN ledger_account AS wallet
    ON (wallet.organization_id, wallet.kind, wallet.currency) = (sale.buyer_org_id, 'wallet', sale.currency)
  LEFT JOIN ledger_account AS escrow
    ON (escrow.organization_id, escrow.kind, escrow.currency) = (sale.buyer_org_id, 'escrow', sale.currency)
  LEFT JOIN ledger_account AS payable
    ON (payable.organization_id, payable.kind, payable.currency) = (sale.vendor_org_id, 'payable', sale.currency)
  LEFT JOIN ledger_account AS commission
    ON (commission.organization_id, commission.kind, commission.currency)
     = (sale.vendor_org_id, 'commission', sale.currency)
  LEFT JOIN ledger_account AS vat
    ON (vat.organization_id, vat.kind, vat.currency) = (sale.vendor_org_id, 'vat', sale.currency)
  LEFT JOIN orders_charge AS charge
    ON charge.order_id = sale.id AND charge.order_id BETWEEN %(first)s AND %(last)s AND sale.months = 0
  LEFT JOIN settlement_capture AS capture
    ON capture.order_id = sale.id AND capture.order_id BETWEEN %(first)s AND %(last)s AND sale.months = 0
  -- OFFSET 0: each is looked up, or PostgreSQL would read the lines of all orders for each slice of them.
  LEFT JOIN LATERAL (
        SELECT id, batch_id, vendor_org_id FROM settlement_batchline WHERE capture_id = capture.id OFFSET 0
       ) AS line ON true
  LEFT JOIN settlement_settlementbatch AS batch ON batch.id = line.batch_id
  LEFT JOIN schedule ON schedule.id = capture.schedule_id
  LEFT JOIN LATERAL (
        SELECT CASE capture.taxpayer_type
                    WHEN 'general' THEN schedule.vat_general_bps
                    WHEN 'small_scale' THEN schedule.vat_small_scale_bps
                    ELSE 0
               END AS vat_bps
       ) AS rate ON true
  LEFT JOIN LATERAL settlement_scale(capture.schedule_id, capture.vendor_org_id, capture.sector) AS scale ON true
  LEFT JOIN LATERAL settlement_commission(
        scale.commission_bps, scale.tier_volumes, scale.tier_bps, capture.volume_before, capture.gross
       ) AS fee ON true
  LEFT JOIN proof ON proof.order_id = sale.id
  FULL JOIN moved ON moved.order_id = sale.id
