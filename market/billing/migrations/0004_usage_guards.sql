-- What a record takes back is use of the same order, not more than it had, and within the trial if that was. (Once: a
-- unique key.)
CREATE FUNCTION billing_reversal_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    original billing_usagerecord;
BEGIN
    SELECT * INTO original FROM billing_usagerecord WHERE id = NEW.reverses_id;
    IF NOT FOUND
        OR original.order_id <> NEW.order_id
        OR original.reverses_id IS NOT NULL
        OR original.is_trial <> NEW.is_trial
        OR -NEW.units > original.units
    THEN
        RAISE EXCEPTION 'record % does not take back what there is', NEW.record_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'usage_record_reversal';
    END IF;
    RETURN NEW;
END $$;

-- After the statement, so that a report may take back a record of its own.
CREATE CONSTRAINT TRIGGER billing_reversal_guard AFTER INSERT ON billing_usagerecord
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION billing_reversal_guard();

-- Nothing is billed in a month whose statement has been made.
CREATE FUNCTION billing_open_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT order_id, month FROM recorded) AS used
          JOIN billing_statement AS statement USING (order_id, month)
    ) THEN
        RAISE EXCEPTION 'the month of a record is closed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'usage_record_open_month';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER billing_open_month AFTER INSERT ON billing_usagerecord
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION billing_open_month();
