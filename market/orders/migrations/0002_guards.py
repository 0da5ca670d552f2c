from django.db import migrations

from market.kernel.triggers import append_only, immutable_when


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        append_only("orders_orderterms"),
        immutable_when(
            "orders_order",
            "true",
            may_change=(
                "state",
                "delivery_tries",
                "failure_reason",
                "delivered_at",
                "acceptance_due_at",
                "accepted_at",
                "refund_due_at",
                "closed_at",
            ),
        ),
    ]
