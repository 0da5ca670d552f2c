-- The versions of the rows that token.sql reads: PostgreSQL marks a row with the transaction that wrote it (xmin).
-- Of the token ask.prefix.
SELECT concat_ws(' ', token.xmin, membership.xmin, person.xmin, organization.xmin)
FROM accounts_apitoken AS token
JOIN accounts_membership AS membership ON membership.id = token.membership_id
JOIN accounts_user AS person ON person.id = membership.user_id
JOIN accounts_organization AS organization ON organization.id = membership.organization_id
WHERE token.prefix = ask.prefix
