from pathlib import Path

from django.db import migrations

LEANER = Path(__file__).with_suffix(".sql").read_text()
UNDO = """
ALTER TABLE orders_order
    DROP CONSTRAINT order_of_offer,
    DROP CONSTRAINT order_of_revision,
    ADD CONSTRAINT orders_order_offer_id_e5cfc432_fk_catalog_offer_id
        FOREIGN KEY (offer_id) REFERENCES catalog_offer (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT orders_order_product_id_096244de_fk_catalog_product_id
        FOREIGN KEY (product_id) REFERENCES catalog_product (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT orders_order_vendor_org_id_b7a93d7b_fk_accounts_organization_id
        FOREIGN KEY (vendor_org_id) REFERENCES accounts_organization (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT orders_order_revision_id_b183a416_fk_catalog_revision_id
        FOREIGN KEY (revision_id) REFERENCES catalog_revision (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE catalog_offer DROP CONSTRAINT offer_with_product_and_vendor;
ALTER TABLE catalog_revision DROP CONSTRAINT revision_with_product;
CREATE INDEX orders_order_number_abc9e0f2_like ON orders_order (number varchar_pattern_ops);
CREATE INDEX orders_orderterms_order_id_198d6f8c ON orders_orderterms (order_id);
DROP INDEX orders_order_approval_id_23dbefd6;
CREATE INDEX orders_order_approval_id_23dbefd6 ON orders_order (approval_id);
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_amendment_guards"), ("catalog", "0005_purpose_approvals")]

    operations = [migrations.RunSQL(LEANER, UNDO)]
