from pathlib import Path

from django.db import migrations

from market.kernel.triggers import append_only

POSTING = Path(__file__).with_suffix(".sql").read_text()
UNDO = """
DROP TRIGGER ledger_account_guard ON ledger_account;
DROP FUNCTION ledger_account_guard();
DROP TRIGGER ledger_move_balances ON ledger_transfer;
DROP FUNCTION ledger_move_balances();
ALTER TABLE ledger_transfer
    DROP CONSTRAINT ledger_transfer_debit_account,
    DROP CONSTRAINT ledger_transfer_credit_account;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [migrations.RunSQL(POSTING, UNDO), append_only("ledger_transfer")]
