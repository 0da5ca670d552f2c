-- Out of escrow goes, for one subject, no more than went into it: a refund never exceeds what was paid, and nothing is
-- captured that was returned. Runs after ledger_move_balances (triggers of one event fire by name), which holds the
-- lock on the escrow's account: of two that race, the second sees here what the first has taken.
CREATE FUNCTION ledger_within_escrow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    excess record;
BEGIN
    IF NOT EXISTS (
        SELECT FROM posted WHERE kind IN ('release', 'capture_net', 'capture_commission', 'capture_vat')
    ) THEN
        RETURN NULL;
    END IF;
    SELECT subject.id, moved.taken, moved.paid INTO excess
      FROM (
            SELECT DISTINCT subject_id AS id
              FROM posted
             WHERE kind IN ('release', 'capture_net', 'capture_commission', 'capture_vat')
           ) AS subject
     CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE kind = 'escrow'), 0) AS paid,
                   coalesce(sum(amount) FILTER (WHERE kind <> 'escrow'), 0) AS taken
              FROM ledger_transfer AS leg
             WHERE leg.subject_id = subject.id
               AND kind IN ('escrow', 'release', 'capture_net', 'capture_commission', 'capture_vat')
           ) AS moved
     WHERE moved.taken > moved.paid
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'subject % would take more out of escrow than it put in', excess.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transfer_within_escrow',
                  DETAIL = json_build_object('paid', excess.paid, 'taken', excess.taken);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_within_escrow AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger_within_escrow();
