WITH used AS (
    SELECT order_id, month, coalesce(sum(units) FILTER (WHERE NOT is_trial), 0) AS units, sum(units) AS all_units,
           sum(drawn) AS drawn
      FROM billing_usagerecord
     GROUP BY order_id, month
), by_order AS (
    SELECT used.order_id, sum(used.all_units) AS units, sum(used.drawn) AS drawn,
           sum(used.units) FILTER (WHERE statement.id IS NULL) AS open_units,
           sum(used.drawn) FILTER (WHERE statement.id IS NULL) AS open_drawn
      FROM used
      LEFT JOIN billing_statement AS statement USING (order_id, month)
     GROUP BY used.order_id
)
SELECT 'use', 'meter', meter.id::text, sale.number, fact.name, fact.expected, fact.found
  FROM billing_meter AS meter
  JOIN orders_order AS sale ON sale.id = meter.order_id
  LEFT JOIN by_order ON by_order.order_id = meter.order_id
  LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM billing_statement GROUP BY order_id) AS stated
    ON stated.order_id = meter.order_id
  LEFT JOIN (
        SELECT meter_id, sum(units) AS units, sum(drawn) AS drawn FROM billing_usageday GROUP BY meter_id
       ) AS by_day ON by_day.meter_id = meter.id
  LEFT JOIN LATERAL (
        SELECT sum(amount) AS amount FROM ledger_transfer WHERE subject_id = sale.id AND kind = 'escrow'
       ) AS paid ON true
 CROSS JOIN LATERAL (
        VALUES ('units of the open month', meter.carried + coalesce(by_order.open_units, 0), meter.units),
               ('drawn in the open month', coalesce(by_order.open_drawn, 0), meter.drawn),
               ('charged by its statements', coalesce(stated.amount, 0), meter.charged),
               ('paid ahead', coalesce(paid.amount, 0), meter.prepaid),
               ('units by day', coalesce(by_order.units, 0), coalesce(by_day.units, 0)),
               ('drawn by day', coalesce(by_order.drawn, 0), coalesce(by_day.drawn, 0))
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
UNION ALL
SELECT 'use', 'statement', statement.id::text, sale.number || ' ' || statement.month,
       fact.name, fact.expected, fact.found
  FROM billing_statement AS statement
  JOIN orders_order AS sale ON sale.id = statement.order_id
  JOIN orders_charge AS charge ON charge.id = statement.charge_id
  LEFT JOIN used ON (used.order_id, used.month) = (statement.order_id, statement.month)
 CROSS JOIN LATERAL (
        VALUES ('units of its records', statement.carried + coalesce(used.units, 0), statement.units),
               ('drawn by its records', coalesce(used.drawn, 0), statement.amount),
               ('its charge', charge.amount, statement.amount)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
