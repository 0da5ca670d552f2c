from django.db import migrations

from market.kernel.triggers import append_only

# A role that opens the exchange's own doors may exist only inside an organisation of that kind, whoever writes the row
# and in whatever order: the membership's trigger looks at the organisation, the organisation's at its members. The lock
# makes the two wait for each other.
FITS = """
CREATE FUNCTION accounts_membership_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held varchar[];
BEGIN
    SELECT capacities INTO held FROM accounts_organization WHERE id = NEW.organization_id FOR SHARE;
    IF (NEW.role = 'operator' AND NOT 'operator' = ANY (held))
        OR (NEW.role = 'auditor' AND NOT held && ARRAY['operator', 'regulator']::varchar[])
    THEN
        RAISE EXCEPTION 'an organisation that is % cannot give the role %', held, NEW.role
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_role_fits_organization';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_membership_fits AFTER INSERT OR UPDATE OF role, organization_id ON accounts_membership
    FOR EACH ROW EXECUTE FUNCTION accounts_membership_fits();

CREATE FUNCTION accounts_organization_keeps_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1
          FROM accounts_membership
         WHERE organization_id = NEW.id
           AND ((role = 'operator' AND NOT 'operator' = ANY (NEW.capacities))
             OR (role = 'auditor' AND NOT NEW.capacities && ARRAY['operator', 'regulator']::varchar[]))
    ) THEN
        RAISE EXCEPTION 'members hold roles that an organisation that is % cannot give', NEW.capacities
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_role_fits_organization';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_organization_keeps_roles AFTER UPDATE OF capacities ON accounts_organization
    FOR EACH ROW EXECUTE FUNCTION accounts_organization_keeps_roles();
"""
UNDO = """
DROP TRIGGER accounts_organization_keeps_roles ON accounts_organization;
DROP FUNCTION accounts_organization_keeps_roles();
DROP TRIGGER accounts_membership_fits ON accounts_membership;
DROP FUNCTION accounts_membership_fits();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    # A token can be revoked, and nothing else: scopes, expiry and owner are fixed when it is issued.
    operations = [migrations.RunSQL(FITS, UNDO), append_only("accounts_apitoken", fill_once=["revoked_at"])]
