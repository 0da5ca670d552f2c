-- At most one stop is open, and a lifted one is history.
CREATE UNIQUE INDEX payout_stop_one_open ON settlement_payoutstop ((true)) WHERE lifted_at IS NULL;

CREATE FUNCTION settlement_payoutstop_lifted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the stop has been lifted: what was said about it is evidence'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_payoutstop_is_immutable';
END $$;

CREATE TRIGGER settlement_payoutstop_lifted BEFORE UPDATE ON settlement_payoutstop
    FOR EACH ROW WHEN (OLD.lifted_at IS NOT NULL) EXECUTE FUNCTION settlement_payoutstop_lifted();

-- No payment leaves while the books do not add up, whoever asks.
CREATE FUNCTION settlement_payout_while_stopped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM settlement_payoutstop WHERE lifted_at IS NULL) THEN
        RAISE EXCEPTION 'payments to vendors are stopped'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_payout_while_stopped';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER settlement_payout_made_while_stopped BEFORE INSERT ON settlement_payout
    FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION settlement_payout_while_stopped();
CREATE TRIGGER settlement_payout_sent_while_stopped BEFORE UPDATE OF state ON settlement_payout
    FOR EACH ROW WHEN (NEW.state = 'sent' AND OLD.state <> 'sent') EXECUTE FUNCTION settlement_payout_while_stopped();
