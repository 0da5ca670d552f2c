from django.db import migrations

# A key for rows made by INSERT ... SELECT, in every room. PostgreSQL has its own uuidv7() from 18 on, several times as
# quick; before that, the layout of RFC 9562, version 7.
UUID7 = """
DO $do$
BEGIN
    IF to_regprocedure('uuidv7()') IS NOT NULL THEN
        CREATE FUNCTION audit_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS 'SELECT uuidv7()';
    ELSE
        CREATE FUNCTION audit_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
            SELECT encode(
                set_bit(
                    set_bit(
                        overlay(
                            uuid_send(gen_random_uuid())
                            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                            FROM 1 FOR 6
                        ),
                        52, 1
                    ),
                    53, 1
                ),
                'hex'
            )::uuid
        $$;
    END IF;
END $do$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]

    operations = [migrations.RunSQL(UUID7, "DROP FUNCTION audit_uuid7();")]
