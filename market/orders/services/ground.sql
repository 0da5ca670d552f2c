-- Everything that placing orders stands on, as one JSON document. {token} and {orderable} are the statements of accounts
-- and catalog. Parameters: theirs, buyer (null when the token tells), operation, key.
WITH bearer AS MATERIALIZED (
    SELECT ({token}) AS found
), asking AS MATERIALIZED (
    SELECT coalesce(%(buyer)s::uuid, (bearer.found #>> '{organization,id}')::uuid) AS buyer_id FROM bearer
)
SELECT json_build_object(
    'token', (SELECT found FROM bearer),
    'buyer', (
        SELECT json_build_object('organization', row_to_json(buyer), 'version', buyer.xmin::text)
          FROM accounts_organization AS buyer
         WHERE buyer.id = %(buyer)s::uuid
    ),
    'accounts', (
        SELECT json_object_agg(account.kind || ' ' || account.currency, account.id)
          FROM ledger_account AS account
         WHERE account.organization_id = (SELECT buyer_id FROM asking)
    ),
    'has_limits', EXISTS (
        SELECT FROM orders_spendinglimit AS spending WHERE spending.buyer_org_id = (SELECT buyer_id FROM asking)
    ),
    'is_answered', EXISTS (
        SELECT
          FROM api_idempotentreply AS reply
         WHERE reply.organization_id = (SELECT buyer_id FROM asking)
           AND reply.operation = %(operation)s AND reply.key = %(key)s
    ),
    'offers', ({orderable})
)::text
