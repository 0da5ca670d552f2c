-- What is posted belongs to a day that is still open. The trigger looks after the statement has locked the table, and in a
-- snapshot of its own: close_books relies on both.
CREATE FUNCTION ledger_day_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM posted WHERE posted_at < (SELECT max(ends_at) FROM ledger_closedday)) THEN
        RAISE EXCEPTION 'a transfer would be posted into a closed day'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transfer_day_open';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_day_open AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger_day_open();
