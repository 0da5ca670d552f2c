-- What takes more than an account holds is refused with what was needed and what was available (fen). Called where a
-- balance is expected, so that the row is looked at when it is locked.
CREATE FUNCTION ledger_refuse_overdraft(account uuid, needed bigint, available bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'account % holds less than the transfers take', account
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_balance_not_negative',
              DETAIL = json_build_object('needed', needed, 'available', available);
END $$;

-- All accounts in one statement, locked in the order of their keys, so that no two postings wait for each other. Each
-- statement that changes accounts costs PostgreSQL the preparation of all their constraints.
CREATE OR REPLACE FUNCTION ledger_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ledger_account AS account
       SET version = account.version + 1,
           balance = CASE
               WHEN account.balance + locked.amount >= 0 OR account.kind = 'receivable'
               THEN account.balance + locked.amount
               ELSE ledger_refuse_overdraft(account.id, -locked.amount, account.balance)
           END
      FROM (
            SELECT held.id, moved.amount
              FROM (
                    SELECT account_id, sum(amount)::bigint AS amount
                      FROM (
                            SELECT debit_account_id AS account_id, -amount AS amount FROM posted
                            UNION ALL
                            SELECT credit_account_id, amount FROM posted
                           ) AS side
                     GROUP BY account_id
                   ) AS moved
              JOIN ledger_account AS held ON held.id = moved.account_id AND held.balance IS NOT NULL
             ORDER BY held.id
               FOR NO KEY UPDATE OF held
           ) AS locked
     WHERE account.id = locked.id;
    RETURN NULL;
END $$;
