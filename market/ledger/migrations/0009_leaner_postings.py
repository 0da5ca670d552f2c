from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent
LEANER = Path(__file__).with_suffix(".sql").read_text()
RECEIVABLES = (FOLDER / "0008_receivables.sql").read_text()
POSTING = (FOLDER / "0002_posting.sql").read_text()
UNDO = "".join(
    [
        "DROP TRIGGER ledger_account_guard_insert ON ledger_account;",
        "DROP TRIGGER ledger_account_guard_delete ON ledger_account;",
        "DROP TRIGGER ledger_account_guard_update ON ledger_account;",
        "DROP FUNCTION ledger_account_guard();",
        POSTING[POSTING.index("CREATE FUNCTION ledger_account_guard") :],
        RECEIVABLES[RECEIVABLES.index("CREATE OR REPLACE FUNCTION") : RECEIVABLES.index("INSERT INTO")],
    ]
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_receivables")]

    operations = [migrations.RunSQL(LEANER, UNDO)]
