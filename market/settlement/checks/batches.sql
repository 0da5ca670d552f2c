SELECT 'batches', 'batch', batch.id::text,
       vendor.name || ' ' || to_char(batch.cutoff AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD'),
       fact.name, fact.expected, fact.found
  FROM settlement_settlementbatch AS batch
  JOIN accounts_organization AS vendor ON vendor.id = batch.vendor_org_id
  LEFT JOIN (
        SELECT line.batch_id, count(*) AS orders, sum(capture.gross) AS gross, sum(capture.net) AS net,
               sum(capture.commission) AS commission, sum(capture.vat) AS vat
          FROM settlement_batchline AS line
          JOIN settlement_capture AS capture ON capture.id = line.capture_id
         GROUP BY line.batch_id
       ) AS lines ON lines.batch_id = batch.id
 CROSS JOIN LATERAL (
        VALUES ('orders', coalesce(lines.orders, 0)::numeric, batch.order_count::numeric),
               ('gross', coalesce(lines.gross, 0), batch.gross),
               ('net', coalesce(lines.net, 0), batch.net),
               ('commission', coalesce(lines.commission, 0), batch.commission),
               ('VAT', coalesce(lines.vat, 0), batch.vat)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
