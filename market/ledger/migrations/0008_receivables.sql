-- As before, but a receivable falls below zero: what a vendor owes. Its own CHECK keeps it from rising above. Vendors that
-- are here already get theirs.
CREATE OR REPLACE FUNCTION ledger_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
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
    LOOP
        UPDATE ledger_account SET balance = balance + moved.amount, version = version + 1
         WHERE id = moved.id AND (balance + moved.amount >= 0 OR kind = 'receivable');
        CONTINUE WHEN FOUND;
        SELECT balance INTO moved.balance FROM ledger_account WHERE id = moved.id FOR NO KEY UPDATE;
        IF moved.balance + moved.amount < 0 THEN
            RAISE EXCEPTION 'account % holds less than the transfers take', moved.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_balance_not_negative',
                      DETAIL = json_build_object('needed', -moved.amount, 'available', moved.balance);
        END IF;
        -- Somebody has paid in between.
        UPDATE ledger_account SET balance = balance + moved.amount, version = version + 1 WHERE id = moved.id;
    END LOOP;
    RETURN NULL;
END $$;

INSERT INTO ledger_account (id, organization_id, kind, currency, balance, version, created_at)
SELECT gen_random_uuid(), organization_id, 'receivable', currency, 0, 0, now()
  FROM ledger_account
 WHERE kind = 'payable';
