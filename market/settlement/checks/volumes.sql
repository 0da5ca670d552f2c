-- The captures of a month lie end to end: what each counts from is nothing or where another ends. As none is of nothing,
-- that is so when the set of beginnings is that of the ends with nothing for the last one: their hashes have equal sums,
-- which needs no sorting of all captures. Months are Shanghai's, and are put together of days, which are 24 hours there.
SELECT 'volumes', 'volume', coalesce(volume.id, counted.vendor_org_id)::text,
       vendor.name || ' ' || to_char(month, 'YYYY-MM'), fact.name, fact.expected, fact.found
  FROM settlement_monthlyvolume AS volume
  FULL JOIN (
        SELECT vendor_org_id, currency, date_trunc('month', midnight AT TIME ZONE 'Asia/Shanghai')::date AS month,
               sum(gross) AS gross, sum(open_ends) AS open_ends
          FROM (
                SELECT vendor_org_id, currency, date_bin('1 day', captured_at, '2000-01-01 00:00+08') AS midnight,
                       sum(gross) AS gross,
                       sum(hashint8extended(volume_before, 0)) - sum(hashint8extended(volume_before + gross, 0))
                           AS open_ends
                  FROM settlement_capture
                 GROUP BY 1, 2, 3
               ) AS day
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
