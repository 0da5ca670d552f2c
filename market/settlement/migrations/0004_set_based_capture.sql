-- market.settlement.division.divide, for many amounts in one statement; a test compares the two. Each part is its floor,
-- and the fen left over (at most two) go to the largest remainders, the earlier part first among equals. The amount is
-- cut into whole * quotient + rest first, so that no product leaves bigint: rest < whole <= 2 * 10^8.
CREATE FUNCTION settlement_divide(gross bigint, commission_bps bigint, vat_bps bigint)
RETURNS TABLE (net bigint, commission bigint, vat bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT part.net + ((part.commission_rest > part.net_rest)::int + (part.vat_rest > part.net_rest)::int < part.spare)::int,
           part.commission
           + ((part.net_rest >= part.commission_rest)::int + (part.vat_rest > part.commission_rest)::int < part.spare)::int,
           part.vat
           + ((part.net_rest >= part.vat_rest)::int + (part.commission_rest >= part.vat_rest)::int < part.spare)::int
      FROM (
            SELECT floors.*, gross - floors.net - floors.commission - floors.vat AS spare
              FROM (
                    SELECT scale.quotient * weight.net + scale.rest * weight.net / weight.whole AS net,
                           scale.quotient * weight.commission + scale.rest * weight.commission / weight.whole AS commission,
                           scale.quotient * weight.vat + scale.rest * weight.vat / weight.whole AS vat,
                           scale.rest * weight.net % weight.whole AS net_rest,
                           scale.rest * weight.commission % weight.whole AS commission_rest,
                           scale.rest * weight.vat % weight.whole AS vat_rest
                      FROM (
                            SELECT 10000 * (10000 + vat_bps) AS whole,
                                   10000 * (10000 + vat_bps) - commission_bps * (10000 + vat_bps) - vat_bps * 10000 AS net,
                                   commission_bps * (10000 + vat_bps) AS commission,
                                   vat_bps * 10000 AS vat
                           ) AS weight
                     CROSS JOIN LATERAL (
                            SELECT gross / weight.whole AS quotient, gross % weight.whole AS rest
                           ) AS scale
                   ) AS floors
           ) AS part
$$;
