from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_spending_limits")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="group_id",
            field=models.UUIDField(null=True, verbose_name="group of lines"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("group_id__isnull", False)), fields=["group_id", "id"], name="order_of_group"
            ),
        ),
    ]
