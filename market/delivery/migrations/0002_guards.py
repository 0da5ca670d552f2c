from django.db import migrations

from market.kernel.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        append_only("delivery_receipt"),
    ]
