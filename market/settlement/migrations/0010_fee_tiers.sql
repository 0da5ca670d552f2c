-- The rates that apply to a vendor and a sector: the vendor's own in this schedule, else the sector's, else everybody's.
CREATE FUNCTION settlement_scale(schedule uuid, vendor uuid, wanted varchar)
RETURNS TABLE (commission_bps int, tier_volumes bigint[], tier_bps int[]) LANGUAGE sql STABLE AS $$
    SELECT coalesce(own.commission_bps, sectoral.commission_bps, everybody.commission_bps),
           coalesce(own.tier_volumes, sectoral.tier_volumes, everybody.tier_volumes),
           coalesce(own.tier_bps, sectoral.tier_bps, everybody.tier_bps)
      FROM settlement_feeschedule AS everybody
      LEFT JOIN settlement_feeoverride AS own ON own.schedule_id = everybody.id AND own.vendor_org_id = vendor
      LEFT JOIN settlement_feeoverride AS sectoral ON sectoral.schedule_id = everybody.id AND sectoral.sector = wanted
       AND sectoral.sector <> ''
     WHERE everybody.id = schedule
$$;

-- market.settlement.division.commission_points in one statement: the rate of the first fen on all of it, and from each tier
-- on the difference to the rate before.
CREATE FUNCTION settlement_commission(first_bps int, tier_volumes bigint[], tier_bps int[], before bigint, gross bigint)
RETURNS TABLE (points numeric) LANGUAGE sql IMMUTABLE AS $$
    SELECT gross::numeric * first_bps + CASE WHEN tier_volumes = '{}' THEN 0 ELSE (
        SELECT sum(
                   (tier_bps[tier] - coalesce(tier_bps[tier - 1], first_bps))::numeric
                   * (greatest(before + gross - tier_volumes[tier], 0) - greatest(before - tier_volumes[tier], 0)))
          FROM generate_subscripts(tier_volumes, 1) AS tier
    ) END
$$;

-- market.settlement.division.divide, for many amounts in one statement; a test compares the two. Commission and VAT are
-- cut to whole fen, the net too, and the fen left over (at most two) go to the largest remainders, the earlier part first
-- among equals. Remainders are in parts of 10,000 * (10,000 + VAT); the net's is what the others' lack to a whole fen.
DROP FUNCTION settlement_divide(bigint, bigint, bigint);
CREATE FUNCTION settlement_divide(gross bigint, points numeric, vat_bps bigint)
RETURNS TABLE (net bigint, commission bigint, vat bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT gross - commission - vat - spare
           + ((commission_rest > net_rest)::int + (vat_rest > net_rest)::int < spare)::int,
           commission + ((net_rest >= commission_rest)::int + (vat_rest > commission_rest)::int < spare)::int,
           vat + ((net_rest >= vat_rest)::int + (commission_rest >= vat_rest)::int < spare)::int
      FROM (
            SELECT floors.*, (commission_rest + vat_rest + whole - 1) / whole AS spare,
                   (2 * whole - commission_rest - vat_rest) % whole AS net_rest
              FROM (
                    SELECT 10000 * (10000 + vat_bps) AS whole,
                           div(points, 10000)::bigint AS commission,
                           mod(points, 10000)::bigint * (10000 + vat_bps) AS commission_rest,
                           gross / (10000 + vat_bps) * vat_bps
                           + gross % (10000 + vat_bps) * vat_bps / (10000 + vat_bps) AS vat,
                           gross % (10000 + vat_bps) * vat_bps % (10000 + vat_bps) * 10000 AS vat_rest
                   ) AS floors
           ) AS part
$$;

-- Tiers rise, each has its rate, and no rate leaves the vendor less than nothing beside the VAT.
CREATE FUNCTION settlement_scale_is_sound(first_bps int, tier_volumes bigint[], tier_bps int[], vat_bps int)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT first_bps >= 0 AND first_bps + vat_bps <= 10000 AND cardinality(tier_volumes) = cardinality(tier_bps)
       AND NOT EXISTS (
            SELECT FROM generate_subscripts(tier_volumes, 1) AS tier
             WHERE (tier_volumes[tier] > coalesce(tier_volumes[tier - 1], 0)
                    AND tier_bps[tier] >= 0 AND tier_bps[tier] + vat_bps <= 10000) IS NOT TRUE
       )
$$;
ALTER TABLE settlement_feeschedule ADD CONSTRAINT fee_schedule_scale_is_sound CHECK (
    settlement_scale_is_sound(commission_bps, tier_volumes, tier_bps, greatest(vat_general_bps, vat_small_scale_bps)));
ALTER TABLE settlement_feeoverride ADD CONSTRAINT fee_override_scale_is_sound CHECK (
    settlement_scale_is_sound(commission_bps, tier_volumes, tier_bps, 0));

-- What is announced stays: a special rate comes, changes and goes with a draft only. The lock makes whoever announces wait.
CREATE FUNCTION settlement_feeoverride_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    schedule record;
BEGIN
    FOR schedule IN
        SELECT effective_from FROM settlement_feeschedule
         WHERE id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.schedule_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.schedule_id END)
           FOR SHARE
    LOOP
        IF schedule.effective_from IS NOT NULL THEN
            RAISE EXCEPTION '% on settlement_feeoverride is refused: its schedule is announced', TG_OP
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_feeoverride_is_immutable';
        END IF;
    END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER settlement_feeoverride_guard BEFORE INSERT OR UPDATE OR DELETE ON settlement_feeoverride
    FOR EACH ROW EXECUTE FUNCTION settlement_feeoverride_guard();

CREATE FUNCTION settlement_feeschedule_announced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.effective_from IS NOT NULL AND EXISTS (
        SELECT FROM settlement_feeoverride AS special
         WHERE special.schedule_id = NEW.id
           AND NOT settlement_scale_is_sound(special.commission_bps, special.tier_volumes, special.tier_bps,
                                             greatest(NEW.vat_general_bps, NEW.vat_small_scale_bps))
    ) THEN
        RAISE EXCEPTION 'a special rate and VAT together leave the vendor less than nothing'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_override_leaves_something';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_feeschedule_announced BEFORE UPDATE ON settlement_feeschedule
    FOR EACH ROW EXECUTE FUNCTION settlement_feeschedule_announced();

-- A month's volume grows and stays.
CREATE FUNCTION settlement_monthlyvolume_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.gross > OLD.gross AND (to_jsonb(NEW) - 'gross') = (to_jsonb(OLD) - 'gross') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on settlement_monthlyvolume is refused: it only grows', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_monthlyvolume_only_grows';
END $$;
CREATE TRIGGER settlement_monthlyvolume_guard BEFORE UPDATE OR DELETE ON settlement_monthlyvolume
    FOR EACH ROW EXECUTE FUNCTION settlement_monthlyvolume_guard();
ALTER TABLE settlement_monthlyvolume SET (fillfactor = 50);

-- What has been captured so far counts too: one capture after the other, by their keys.
ALTER TABLE settlement_capture DISABLE TRIGGER settlement_capture_guard;
UPDATE settlement_capture AS capture
   SET sector = earlier.sector, volume_before = earlier.volume_before
  FROM (
        SELECT counted.id, product.sector,
               sum(counted.gross) OVER (
                   PARTITION BY counted.vendor_org_id, counted.currency,
                                date_trunc('month', counted.captured_at AT TIME ZONE 'Asia/Shanghai')
                   ORDER BY counted.id ROWS UNBOUNDED PRECEDING
               ) - counted.gross AS volume_before
          FROM settlement_capture AS counted
          JOIN orders_order AS sale ON sale.id = counted.order_id
          JOIN catalog_product AS product ON product.id = sale.product_id
       ) AS earlier
 WHERE earlier.id = capture.id;
ALTER TABLE settlement_capture ENABLE TRIGGER settlement_capture_guard;

INSERT INTO settlement_monthlyvolume (id, vendor_org_id, currency, month, gross)
SELECT audit_uuid7(), vendor_org_id, currency, date_trunc('month', captured_at AT TIME ZONE 'Asia/Shanghai')::date, sum(gross)
  FROM settlement_capture
 GROUP BY vendor_org_id, currency, date_trunc('month', captured_at AT TIME ZONE 'Asia/Shanghai');
