from django.db import migrations

from market.kernel.triggers import only_moves

MOVES = {
    "awaiting_approval": ["paid", "awaiting_funds", "expired", "cancelled"],
    "awaiting_funds": ["paid", "expired", "cancelled"],
    "paid": ["delivering", "delivery_failed", "cancelled"],
    "delivering": ["delivered", "delivery_failed", "cancelled"],
    "delivery_failed": ["delivering", "refunded"],
    "delivered": ["accepted", "disputed"],
    "disputed": ["accepted", "refunded"],
    "accepted": ["settled"],
}


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_decision_deadline")]

    operations = [only_moves("orders_order", "state", MOVES)]
