from pathlib import Path

from django.db import migrations

DIVIDE = Path(__file__).with_suffix(".sql").read_text()

# One way to make keys for every room.
UUID7 = "CREATE OR REPLACE FUNCTION settlement_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS 'SELECT audit_uuid7()';"


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_uuid7"), ("settlement", "0003_captures_of_charges")]

    operations = [
        migrations.RunSQL(UUID7, migrations.RunSQL.noop),
        migrations.RunSQL(DIVIDE, "DROP FUNCTION settlement_divide(bigint, bigint, bigint);"),
    ]
