-- A part may be off its exact share by less than a fen (largest remainder), and by no more. The schedule is the one in force
-- at that moment, or that was a minute before: a capture may not have seen yet what was announced while it was under way.
SELECT 'captures', 'capture', capture.id::text, sale.number || ' ' || charge.part, fact.name, fact.expected, fact.found
  FROM settlement_capture AS capture
  JOIN orders_order AS sale ON sale.id = capture.order_id
  JOIN orders_charge AS charge ON charge.id = capture.charge_id
  JOIN settlement_feeschedule AS schedule ON schedule.id = capture.schedule_id
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 'capture_net'), 0) AS net,
               coalesce(sum(amount) FILTER (WHERE kind = 'capture_commission'), 0) AS commission,
               coalesce(sum(amount) FILTER (WHERE kind = 'capture_vat'), 0) AS vat
          FROM ledger_transfer
         WHERE subject_id = capture.order_id AND tx_id = capture.id
       ) AS posted
 CROSS JOIN LATERAL (
        SELECT CASE capture.taxpayer_type
                    WHEN 'general' THEN schedule.vat_general_bps
                    WHEN 'small_scale' THEN schedule.vat_small_scale_bps
                    ELSE 0
               END AS vat_bps
       ) AS rate
  LEFT JOIN LATERAL (
        SELECT version
          FROM settlement_feeschedule
         WHERE effective_from <= capture.captured_at
         ORDER BY effective_from DESC, version DESC
         LIMIT 1
       ) AS in_force ON true
  LEFT JOIN LATERAL (
        SELECT version
          FROM settlement_feeschedule
         WHERE effective_from <= capture.captured_at - interval '1 minute'
         ORDER BY effective_from DESC, version DESC
         LIMIT 1
       ) AS just_before ON true
 CROSS JOIN LATERAL settlement_scale(capture.schedule_id, capture.vendor_org_id, capture.sector) AS scale
 CROSS JOIN LATERAL settlement_commission(
        scale.commission_bps, scale.tier_volumes, scale.tier_bps, capture.volume_before, capture.gross
       ) AS fee
 CROSS JOIN LATERAL (
        VALUES ('gross', charge.amount::numeric, capture.gross::numeric),
               ('sum of parts', capture.gross, capture.net + capture.commission + capture.vat),
               ('net posted', capture.net, posted.net),
               ('commission posted', capture.commission, posted.commission),
               ('VAT posted', capture.vat, posted.vat),
               ('version of the fee schedule in force', coalesce(in_force.version, 0),
                CASE WHEN schedule.version = just_before.version THEN coalesce(in_force.version, 0)
                     ELSE coalesce(schedule.version, 0) END),
               ('commission by the fee schedule',
                round(fee.points / 10000),
                CASE WHEN abs(capture.commission::numeric * 10000 - fee.points) < 10000
                     THEN round(fee.points / 10000)
                     ELSE capture.commission END),
               ('VAT by the fee schedule',
                round(capture.gross::numeric * rate.vat_bps / (10000 + rate.vat_bps)),
                CASE WHEN abs(capture.vat::numeric * (10000 + rate.vat_bps) - capture.gross::numeric * rate.vat_bps)
                          < 10000 + rate.vat_bps
                     THEN round(capture.gross::numeric * rate.vat_bps / (10000 + rate.vat_bps))
                     ELSE capture.vat END),
               ('for another order, vendor or in another currency', 0,
                ((capture.order_id, capture.vendor_org_id, capture.currency)
                 <> (charge.order_id, charge.vendor_org_id, charge.currency)
                 OR (capture.vendor_org_id, capture.currency) <> (sale.vendor_org_id, sale.currency))::int)
       ) AS fact (name, expected, found)
 WHERE capture.order_id = ANY(%(orders)s) AND fact.expected <> fact.found
