from pathlib import Path

from django.db import migrations

from market.kernel.triggers import append_only, immutable_when, only_moves

GUARDS = Path(__file__).with_suffix(".sql").read_text()
UNDO = """
DROP TRIGGER billing_open_month ON billing_usagerecord;
DROP FUNCTION billing_open_month();
DROP TRIGGER billing_reversal_guard ON billing_usagerecord;
DROP FUNCTION billing_reversal_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_meters")]

    operations = [
        migrations.RunSQL(GUARDS, UNDO),
        append_only("billing_usagerecord"),
        append_only("billing_statement"),
        immutable_when(
            "billing_meter",
            "true",
            may_change=(
                "state",
                "ends_at",
                "closes_at",
                "month",
                "carried",
                "units",
                "records",
                "drawn",
                "charged",
                "prepaid",
                "top_ups",
                "warned_at",
                "stopped_at",
                "last_record_at",
            ),
            fill_once=("ended_at",),
        ),
        only_moves(
            "billing_meter", "state", {"running": ["stopped", "ended"], "stopped": ["running", "ended"], "ended": []}
        ),
    ]
