from django.db import migrations

from market.kernel.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial")]

    operations = [
        append_only("settlement_feeschedule"),
        append_only("settlement_capture"),
        append_only("settlement_settlementbatch"),
        append_only("settlement_batchline"),
    ]
