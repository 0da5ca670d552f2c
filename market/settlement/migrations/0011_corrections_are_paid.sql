-- As before, and with what corrections have put into the payable or taken out of it.
CREATE OR REPLACE FUNCTION settlement_carried(vendor uuid, money varchar) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (
        coalesce((SELECT sum(net) FROM settlement_settlementbatch
                   WHERE vendor_org_id = vendor AND currency = money), 0)
        - coalesce((SELECT sum(net - advanced) FROM settlement_refund
                     WHERE vendor_org_id = vendor AND currency = money), 0)
        - coalesce((SELECT sum(posted.amount)
                      FROM ledger_account AS account
                      JOIN ledger_transfer AS posted ON posted.credit_account_id = account.id
                     WHERE account.organization_id = vendor AND account.kind = 'receivable'
                       AND account.currency = money), 0)
        + coalesce((SELECT sum(CASE account.id WHEN correction.credit_account_id THEN correction.amount
                                    ELSE -correction.amount END)
                      FROM ledger_account AS account
                      JOIN ledger_correction AS correction
                        ON account.id IN (correction.debit_account_id, correction.credit_account_id)
                     WHERE account.organization_id = vendor AND account.kind = 'payable' AND account.currency = money
                       AND correction.state = 'approved'), 0)
        - coalesce((SELECT sum(amount) FROM settlement_payout
                     WHERE vendor_org_id = vendor AND currency = money AND state NOT IN ('bounced', 'void')), 0)
    )::bigint
$$;
