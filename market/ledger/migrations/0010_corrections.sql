-- A reversal is its transfer the other way, and only what no trade or payout depends on is reversed. Everything begins as
-- a proposal.
CREATE FUNCTION ledger_correction_proposed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'proposed' OR (NEW.reverses_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM ledger_transfer AS original
         WHERE original.id = NEW.reverses_id AND original.kind IN ('deposit', 'correction')
           AND (original.credit_account_id, original.debit_account_id, original.amount, original.currency)
             = (NEW.debit_account_id, NEW.credit_account_id, NEW.amount, NEW.currency)
    )) THEN
        RAISE EXCEPTION 'correction % does not reverse its transfer', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'correction_reverses_its_transfer';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_correction_proposed BEFORE INSERT ON ledger_correction
    FOR EACH ROW EXECUTE FUNCTION ledger_correction_proposed();
