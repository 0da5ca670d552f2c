from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent
QUICKER = (FOLDER / "0007_quicker_postings.sql").read_text()
BEFORE = (FOLDER / "0002_posting.sql").read_text()
FUNCTION = BEFORE[BEFORE.index("CREATE FUNCTION ledger_move_balances") : BEFORE.index("CREATE TRIGGER ledger_move")]
UNDO = FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION") + (
    "CREATE INDEX ledger_transfer_business_key_58ac973a_like ON ledger_transfer (business_key varchar_pattern_ops);"
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_closed_days")]

    operations = [migrations.RunSQL(QUICKER, UNDO)]
