-- Transfers name each account together with its currency: money of two currencies cannot meet.
ALTER TABLE ledger_transfer
    ADD CONSTRAINT ledger_transfer_debit_account FOREIGN KEY (debit_account_id, currency)
        REFERENCES ledger_account (id, currency),
    ADD CONSTRAINT ledger_transfer_credit_account FOREIGN KEY (credit_account_id, currency)
        REFERENCES ledger_account (id, currency);

-- Whoever inserts transfers, by whatever statement, moves the guarded balances: each account once a statement, the accounts
-- locked in key order so that two postings cannot deadlock. Under the lock a shortage is known exactly, so the refusal
-- carries it; the CHECK on the balance stands behind this all the same.
CREATE FUNCTION ledger_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
BEGIN
    FOR moved IN
        SELECT account.id, account.balance, leg.amount
          FROM ledger_account AS account
          JOIN (
                SELECT account_id, sum(amount)::bigint AS amount
                  FROM (
                        SELECT debit_account_id AS account_id, -amount AS amount FROM posted
                        UNION ALL
                        SELECT credit_account_id, amount FROM posted
                       ) AS side
                 GROUP BY account_id
               ) AS leg ON leg.account_id = account.id
         WHERE account.balance IS NOT NULL
         ORDER BY account.id
           FOR NO KEY UPDATE OF account
    LOOP
        IF moved.balance + moved.amount < 0 THEN
            RAISE EXCEPTION 'account % holds less than the transfers take', moved.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_balance_not_negative',
                      DETAIL = json_build_object('needed', -moved.amount, 'available', moved.balance);
        END IF;
        UPDATE ledger_account SET balance = balance + moved.amount, version = version + 1 WHERE id = moved.id;
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_move_balances AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger_move_balances();

-- A balance moves with transfers only; an account starts empty, never changes what it is, and never goes away.
CREATE FUNCTION ledger_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF coalesce(NEW.balance, 0) = 0 THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (to_jsonb(NEW) - 'balance' - 'version') = (to_jsonb(OLD) - 'balance' - 'version')
            AND pg_trigger_depth() > 1
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on ledger_account is refused: balances move by transfers only', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_account_is_guarded';
END $$;

CREATE TRIGGER ledger_account_guard BEFORE INSERT OR UPDATE OR DELETE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_guard();
