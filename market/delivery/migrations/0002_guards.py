from django.db import migrations

from market.kernel.triggers import append_only, immutable_when


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        append_only("delivery_receipt"),
        immutable_when("delivery_delivery", "OLD.state <> 'running'"),
        immutable_when("delivery_entitlement", "true", may_change=("revocation_reason",), fill_once=("revoked_at",)),
    ]
