-- As before: accounts once a statement, in key order, so that two postings cannot deadlock, and never below zero but for a
-- receivable. But the accounts are not read before they are moved: the update finds the guarded ones by itself.
CREATE OR REPLACE FUNCTION ledger_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
    available bigint;
BEGIN
    FOR moved IN
        SELECT account_id AS id, sum(amount)::bigint AS amount
          FROM (
                SELECT debit_account_id AS account_id, -amount AS amount FROM posted
                UNION ALL
                SELECT credit_account_id, amount FROM posted
               ) AS side
         GROUP BY account_id
         ORDER BY account_id
    LOOP
        UPDATE ledger_account SET balance = balance + moved.amount, version = version + 1
         WHERE id = moved.id AND (balance + moved.amount >= 0 OR kind = 'receivable');
        CONTINUE WHEN FOUND;
        SELECT balance INTO available FROM ledger_account
         WHERE id = moved.id AND balance IS NOT NULL FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        IF available + moved.amount < 0 THEN
            RAISE EXCEPTION 'account % holds less than the transfers take', moved.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_balance_not_negative',
                      DETAIL = json_build_object('needed', -moved.amount, 'available', available);
        END IF;
        -- Somebody has paid in between.
        UPDATE ledger_account SET balance = balance + moved.amount, version = version + 1 WHERE id = moved.id;
    END LOOP;
    RETURN NULL;
END $$;

-- Which changes are refused stands in the triggers' conditions, so that an allowed one, a balance moved by a transfer, costs
-- no call. A column that is added belongs into the condition, too (a test looks).
DROP TRIGGER ledger_account_guard ON ledger_account;
CREATE OR REPLACE FUNCTION ledger_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on ledger_account is refused: balances move by transfers only', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_account_is_guarded';
END $$;
CREATE TRIGGER ledger_account_guard_insert BEFORE INSERT ON ledger_account
    FOR EACH ROW WHEN (NEW.balance <> 0) EXECUTE FUNCTION ledger_account_guard();
CREATE TRIGGER ledger_account_guard_delete BEFORE DELETE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_guard();
CREATE TRIGGER ledger_account_guard_update BEFORE UPDATE ON ledger_account
    FOR EACH ROW WHEN (
        pg_trigger_depth() = 0
        OR (NEW.id, NEW.organization_id, NEW.kind, NEW.currency, NEW.remittance_code, NEW.created_at)
           IS DISTINCT FROM
           (OLD.id, OLD.organization_id, OLD.kind, OLD.currency, OLD.remittance_code, OLD.created_at)
    ) EXECUTE FUNCTION ledger_account_guard();
