from pathlib import Path

from django.db import migrations

CARRIED = Path(__file__).with_suffix(".sql").read_text()
BEFORE = Path(__file__).with_name("0008_refunds.sql").read_text()
BEFORE = BEFORE[BEFORE.index("CREATE FUNCTION settlement_carried") :].replace("CREATE", "CREATE OR REPLACE", 1)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_corrections"), ("settlement", "0010_fee_tiers")]

    operations = [migrations.RunSQL(CARRIED, BEFORE)]
