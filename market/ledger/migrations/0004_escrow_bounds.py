from pathlib import Path

from django.db import migrations

BOUNDS = Path(__file__).with_suffix(".sql").read_text()
UNDO = "DROP TRIGGER ledger_within_escrow ON ledger_transfer; DROP FUNCTION ledger_within_escrow();"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_remittance_codes")]

    operations = [migrations.RunSQL(BOUNDS, UNDO)]
