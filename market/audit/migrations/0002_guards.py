from django.db import migrations

from market.kernel.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        append_only("audit_auditevent", fill_once=("sequence", "leaf_hash")),
    ]
