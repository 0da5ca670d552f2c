"""What must add up about captures and the volumes they count from, in SQL, as ``checks`` says. Amounts are fen."""

# A part may be off its exact share by less than a fen (largest remainder), and by no more. Of nearly all captures one
# condition in whole numbers sees at once that every fact holds; the facts are worked out for the others only. The few
# transfers of each are found by its order: the index has orders in order of time, as captures are, so that nothing has
# to be sorted or remembered.
CAPTURES = """
SELECT 'capture', capture.id::text, sale.number || ' ' || charge.part, fact.name, fact.expected, fact.found
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
           AND kind IN ('capture_net', 'capture_commission', 'capture_vat')
       ) AS posted
 CROSS JOIN LATERAL (
        SELECT CASE capture.taxpayer_type
                    WHEN 'general' THEN schedule.vat_general_bps
                    WHEN 'small_scale' THEN schedule.vat_small_scale_bps
                    ELSE 0
               END AS vat_bps
       ) AS rate
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
 WHERE (
        capture.gross < 1000000000000 AND capture.gross = charge.amount
        AND capture.gross = capture.net + capture.commission + capture.vat
        AND (posted.net, posted.commission, posted.vat) = (capture.net, capture.commission, capture.vat)
        AND abs(capture.commission * 10000 - fee.points) < 10000
        AND abs(capture.vat * (10000 + rate.vat_bps) - capture.gross * rate.vat_bps) < 10000 + rate.vat_bps
        AND capture.order_id = charge.order_id AND capture.vendor_org_id = charge.vendor_org_id
        AND capture.currency = charge.currency AND capture.vendor_org_id = sale.vendor_org_id
        AND capture.currency = sale.currency
       ) IS NOT TRUE
   AND fact.expected <> fact.found
"""

# The captures of a month lie end to end: what each counts from is nothing or where another ends. As none is of nothing,
# that is so when the set of beginnings is that of the ends with nothing for the last one: their hashes have equal sums,
# which needs no sorting of all captures.
VOLUMES = """
SELECT 'volume', coalesce(volume.id, counted.vendor_org_id)::text, vendor.name || ' ' || to_char(month, 'YYYY-MM'),
       fact.name, fact.expected, fact.found
  FROM settlement_monthlyvolume AS volume
  FULL JOIN (
        SELECT vendor_org_id, currency,
               date_trunc('month', captured_at AT TIME ZONE 'Asia/Shanghai')::date AS month,
               sum(gross) AS gross,
               sum(hashint8extended(volume_before, 0)) - sum(hashint8extended(volume_before + gross, 0)) AS open_ends
          FROM settlement_capture
         GROUP BY 1, 2, 3
       ) AS counted USING (vendor_org_id, currency, month)
  JOIN accounts_organization AS vendor ON vendor.id = vendor_org_id
 CROSS JOIN LATERAL (
        VALUES ('captured in the month', coalesce(counted.gross, 0), coalesce(volume.gross, 0)::numeric),
               ('captures that count from elsewhere than where another ends', 0,
                (counted.open_ends
                 <> hashint8extended(0, 0) - hashint8extended(counted.gross::bigint, 0)::numeric)::int)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
"""
