from pathlib import Path

from django.db import migrations

UNDO = """
DROP TRIGGER ledger_correction_approved ON ledger_transfer;
DROP FUNCTION ledger_correction_approved();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_payment_providers")]

    operations = [migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(), UNDO)]
