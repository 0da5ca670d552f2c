import django.db.models.deletion
from django.db import migrations, models

from market.kernel.triggers import immutable_when


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_charges")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="renews",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="renewed_by",
                to="orders.order",
                verbose_name="renews",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="access_until",
            field=models.DateTimeField(null=True, verbose_name="may be received until"),
        ),
        migrations.AddField(
            model_name="order",
            name="suspended_at",
            field=models.DateTimeField(null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="order",
            name="payment_due_at",
            field=models.DateTimeField(null=True, verbose_name="late payment awaited until"),
        ),
        # The guard again, with what the room that runs contracts may change.
        migrations.RunSQL(
            "DROP TRIGGER orders_order_guard ON orders_order; DROP FUNCTION orders_order_guard();",
            migrations.RunSQL.noop,
        ),
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
                "access_until",
                "suspended_at",
                "payment_due_at",
            ),
        ),
    ]
