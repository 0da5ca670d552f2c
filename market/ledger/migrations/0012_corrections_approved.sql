-- A correction is posted only as two people have agreed to it. The condition keeps every other transfer from paying for this.
CREATE FUNCTION ledger_correction_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger_correction AS correction
         WHERE correction.id = NEW.subject_id AND correction.state = 'approved'
           AND (correction.debit_account_id, correction.credit_account_id, correction.amount, correction.currency)
               = (NEW.debit_account_id, NEW.credit_account_id, NEW.amount, NEW.currency)
    ) THEN
        RAISE EXCEPTION 'transfer % is of no approved correction', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_correction_approved';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_correction_approved AFTER INSERT ON ledger_transfer
    FOR EACH ROW WHEN (NEW.kind = 'correction') EXECUTE FUNCTION ledger_correction_approved();
