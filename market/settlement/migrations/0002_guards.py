from django.db import migrations

from market.kernel.triggers import append_only, immutable_when

# The layout of RFC 9562, version 7, for rows made by INSERT ... SELECT. PostgreSQL has its own uuidv7() from 18 on only.
UUID7 = """
CREATE FUNCTION settlement_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial")]

    operations = [
        append_only("settlement_feeschedule"),
        append_only("settlement_capture"),
        append_only("settlement_settlementbatch"),
        append_only("settlement_batchline"),
        immutable_when(
            "settlement_payout",
            "true",
            may_change=("state", "hold", "bank_account", "sent_at", "ended_at", "bounce_reason"),
        ),
        migrations.RunSQL(UUID7, "DROP FUNCTION settlement_uuid7();"),
    ]
