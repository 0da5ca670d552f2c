from pathlib import Path

from django.db import migrations

LEANER = Path(__file__).with_name("0009_leaner_postings.sql").read_text()
UNDO = LEANER[: LEANER.index("-- Which changes are refused")] + "DROP FUNCTION ledger_refuse_overdraft;"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0013_seldom_transfers")]

    operations = [migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(), UNDO)]
