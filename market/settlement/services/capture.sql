-- The capture of any number of charges: read, refused or divided, posted and proved by PostgreSQL. Parameters: charges (keys),
-- at and its month (first day), and those of {proof}, which records an event for each row of fact. Charges of one vendor count
-- one after the other, by their keys, from the volume that is read by adding to it: the row stays locked until the transaction
-- ends, so that who captures at the same moment counts on from there.
-- One row: how many charges were divided, the orders whose final charge is of nothing, and the problems as
-- [charge, what, state of the order, currency]. Where there is a problem nothing is inserted.
WITH sale AS MATERIALIZED (
    SELECT charge.id AS charge_id, charge.part, charge.amount, charge.is_final, sale.id AS order_id, sale.state,
           sale.currency, sale.buyer_org_id, sale.vendor_org_id, vendor.taxpayer_type, product.sector,
           EXISTS (SELECT FROM settlement_capture WHERE charge_id = charge.id) AS is_captured,
           charge.is_final AND charge.amount = 0 AND EXISTS (
               SELECT FROM orders_charge AS other
                WHERE other.order_id = sale.id AND other.amount > 0
                  AND NOT EXISTS (SELECT FROM settlement_capture WHERE charge_id = other.id)
           ) AS must_wait,
           escrow.id AS escrow_id, payable.id AS payable_id, commission.id AS commission_id, vat.id AS vat_id,
           schedule.id AS schedule_id, schedule.version AS schedule_version,
           CASE vendor.taxpayer_type
                WHEN 'general' THEN schedule.vat_general_bps
                WHEN 'small_scale' THEN schedule.vat_small_scale_bps
                WHEN 'exempt' THEN 0
           END AS vat_bps
      FROM orders_charge AS charge
      JOIN orders_order AS sale ON sale.id = charge.order_id
      JOIN accounts_organization AS vendor ON vendor.id = sale.vendor_org_id
      JOIN catalog_product AS product ON product.id = sale.product_id
      LEFT JOIN (
            SELECT * FROM settlement_feeschedule WHERE effective_from <= %(at)s
             ORDER BY effective_from DESC, version DESC LIMIT 1
           ) AS schedule ON true
      LEFT JOIN ledger_account AS escrow
        ON (escrow.organization_id, escrow.kind, escrow.currency) = (sale.buyer_org_id, 'escrow', sale.currency)
      LEFT JOIN ledger_account AS payable
        ON (payable.organization_id, payable.kind, payable.currency) = (sale.vendor_org_id, 'payable', sale.currency)
      LEFT JOIN ledger_account AS commission
        ON (commission.organization_id, commission.kind, commission.currency)
         = (sale.vendor_org_id, 'commission', sale.currency)
      LEFT JOIN ledger_account AS vat
        ON (vat.organization_id, vat.kind, vat.currency) = (sale.vendor_org_id, 'vat', sale.currency)
     WHERE charge.id = ANY(%(charges)s::uuid[])
), problem AS MATERIALIZED (
    SELECT asked.id AS charge_id,
           CASE WHEN sale.charge_id IS NULL THEN 'unknown'
                WHEN sale.state NOT IN ('accepted', 'settled') THEN 'not_accepted'
                WHEN sale.must_wait THEN 'must_wait'
                WHEN sale.amount > 0
                     AND (sale.escrow_id IS NULL OR sale.payable_id IS NULL OR sale.commission_id IS NULL
                          OR sale.vat_id IS NULL) THEN 'no_account'
                WHEN sale.amount > 0 AND sale.schedule_id IS NULL THEN 'no_schedule'
           END AS what,
           sale.state, sale.currency
      FROM unnest(%(charges)s::uuid[]) AS asked (id)
      LEFT JOIN sale ON sale.charge_id = asked.id
), counted AS MATERIALIZED (
    SELECT sale.*, audit_uuid7() AS capture_id,
           sum(amount) OVER (PARTITION BY vendor_org_id, currency ORDER BY charge_id) AS until_then,
           sum(amount) OVER (PARTITION BY vendor_org_id, currency) AS together
      FROM sale
     WHERE amount > 0 AND NOT is_captured
       AND NOT EXISTS (SELECT FROM problem WHERE what IS NOT NULL)
), volume AS (
    INSERT INTO settlement_monthlyvolume AS kept (id, vendor_org_id, currency, month, gross)
    SELECT audit_uuid7(), vendor_org_id, currency, %(month)s, sum(amount)::bigint
      FROM counted
     GROUP BY vendor_org_id, currency
     ORDER BY vendor_org_id, currency
        ON CONFLICT ON CONSTRAINT monthly_volume_once DO UPDATE SET gross = kept.gross + excluded.gross
    RETURNING vendor_org_id, currency, gross
), due AS MATERIALIZED (
    SELECT counted.*, part.net, part.commission, part.vat
      FROM (
            SELECT counted.*, (volume.gross - together + until_then - amount)::bigint AS volume_before
              FROM counted
              JOIN volume USING (vendor_org_id, currency)
           ) AS counted
     CROSS JOIN LATERAL settlement_scale(counted.schedule_id, counted.vendor_org_id, counted.sector) AS scale
     CROSS JOIN LATERAL settlement_commission(
            scale.commission_bps, scale.tier_volumes, scale.tier_bps, counted.volume_before, counted.amount
           ) AS fee
     CROSS JOIN LATERAL settlement_divide(counted.amount, fee.points, counted.vat_bps) AS part
), captured AS (
    INSERT INTO settlement_capture (
           id, charge_id, order_id, vendor_org_id, schedule_id, taxpayer_type, sector, volume_before, gross, net,
           commission, vat, currency, captured_at)
    SELECT capture_id, charge_id, order_id, vendor_org_id, schedule_id, taxpayer_type, sector, volume_before, amount,
           net, commission, vat, currency, %(at)s
      FROM due
), moved AS (
    INSERT INTO ledger_transfer (
           id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type, subject_id,
           business_key, posted_at)
    SELECT audit_uuid7(), due.capture_id, due.escrow_id, leg.credit_id, leg.amount, due.currency,
           'capture_' || leg.name, 'order', due.order_id,
           'order:' || due.order_id || ':capture:' || due.part || ':' || leg.name, %(at)s
      FROM due
     CROSS JOIN LATERAL (
            VALUES ('net', due.payable_id, due.net),
                   ('commission', due.commission_id, due.commission),
                   ('vat', due.vat_id, due.vat)
           ) AS leg (name, credit_id, amount)
     WHERE leg.amount > 0
), fact AS (
    SELECT audit_uuid7() AS id, order_id AS subject_id, vendor_org_id AS on_behalf_of_org_id, buyer_org_id,
           vendor_org_id,
           jsonb_build_object(
               'charge', charge_id, 'part', part, 'gross', amount, 'net', net, 'commission', commission, 'vat', vat,
               'currency', currency, 'fee_schedule_version', schedule_version, 'taxpayer_type', taxpayer_type,
               'sector', sector, 'volume_before', volume_before
           ) AS payload
      FROM due
), proof AS ({proof})
SELECT (SELECT count(*) FROM due),
       (SELECT coalesce(array_agg(order_id), '{}')
          FROM sale WHERE is_final AND amount = 0 AND state = 'accepted'),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(charge_id, what, state, currency)), '[]')
          FROM problem WHERE what IS NOT NULL)
