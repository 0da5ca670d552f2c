-- A token with its membership, person and organisation, as one JSON document; the version is as token_version.sql gives
-- it. Parameter: prefix.
SELECT json_build_object(
    'token', row_to_json(token),
    'membership', row_to_json(membership),
    'user', json_build_object('id', person.id, 'email', person.email, 'name', person.name, 'is_active', person.is_active),
    'organization', row_to_json(organization),
    'version', concat_ws(' ', token.xmin, membership.xmin, person.xmin, organization.xmin)
)
FROM accounts_apitoken AS token
JOIN accounts_membership AS membership ON membership.id = token.membership_id
JOIN accounts_user AS person ON person.id = membership.user_id
JOIN accounts_organization AS organization ON organization.id = membership.organization_id
WHERE token.prefix = %(prefix)s
