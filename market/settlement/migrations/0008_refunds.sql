-- Of no part goes back more than was captured. The number is the next one, so that two at once collide in the unique
-- constraint instead of not seeing each other here.
CREATE FUNCTION settlement_refund_within_captured() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    captured record;
    earlier record;
BEGIN
    SELECT coalesce(sum(net), 0) AS net, coalesce(sum(commission), 0) AS commission, coalesce(sum(vat), 0) AS vat
      INTO captured FROM settlement_capture WHERE order_id = NEW.order_id AND currency = NEW.currency;
    SELECT count(*) AS number, coalesce(sum(net), 0) AS net, coalesce(sum(commission), 0) AS commission,
           coalesce(sum(vat), 0) AS vat
      INTO earlier FROM settlement_refund WHERE order_id = NEW.order_id;
    IF NEW.number <> earlier.number + 1
        OR NEW.net > captured.net - earlier.net
        OR NEW.commission > captured.commission - earlier.commission
        OR NEW.vat > captured.vat - earlier.vat
    THEN
        RAISE EXCEPTION 'order % has not that much captured and not refunded', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_captured';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER settlement_refund_within_captured BEFORE INSERT ON settlement_refund
    FOR EACH ROW EXECUTE FUNCTION settlement_refund_within_captured();

-- What is due to a vendor before another batch: batched, less what was taken back of it and what is paid or on its way.
CREATE FUNCTION settlement_carried(vendor uuid, money varchar) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (
        coalesce((SELECT sum(net) FROM settlement_settlementbatch
                   WHERE vendor_org_id = vendor AND currency = money), 0)
        - coalesce((SELECT sum(net - advanced) FROM settlement_refund
                     WHERE vendor_org_id = vendor AND currency = money), 0)
        - coalesce((SELECT sum(posted.amount)
                      FROM ledger_account AS account
                      JOIN ledger_transfer AS posted ON posted.credit_account_id = account.id
                     WHERE account.organization_id = vendor AND account.kind = 'receivable'
                       AND account.currency = money), 0)
        - coalesce((SELECT sum(amount) FROM settlement_payout
                     WHERE vendor_org_id = vendor AND currency = money AND state NOT IN ('bounced', 'void')), 0)
    )::bigint
$$;
