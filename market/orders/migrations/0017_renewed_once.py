from django.db import migrations

# As before, but without an entry for each of the many orders that renew nothing.
SOME = """
ALTER TABLE orders_order DROP CONSTRAINT orders_order_renews_id_key;
CREATE UNIQUE INDEX orders_order_renews_id_key ON orders_order (renews_id) WHERE renews_id IS NOT NULL;
"""
ALL = """
DROP INDEX orders_order_renews_id_key;
ALTER TABLE orders_order ADD CONSTRAINT orders_order_renews_id_key UNIQUE (renews_id);
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0016_only_legal_moves")]

    operations = [migrations.RunSQL(SOME, ALL)]
