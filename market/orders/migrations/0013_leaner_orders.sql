-- An order names an offer together with its product and vendor, and a revision together with its product: what was three
-- and two checks is one each, and says more. Each check locks the row it finds, and the rows of a product that sells well
-- are everybody's.
ALTER TABLE catalog_offer ADD CONSTRAINT offer_with_product_and_vendor UNIQUE (id, product_id, vendor_org_id);
ALTER TABLE catalog_revision ADD CONSTRAINT revision_with_product UNIQUE (id, product_id);
ALTER TABLE orders_order
    DROP CONSTRAINT orders_order_offer_id_e5cfc432_fk_catalog_offer_id,
    DROP CONSTRAINT orders_order_product_id_096244de_fk_catalog_product_id,
    DROP CONSTRAINT orders_order_vendor_org_id_b7a93d7b_fk_accounts_organization_id,
    DROP CONSTRAINT orders_order_revision_id_b183a416_fk_catalog_revision_id,
    ADD CONSTRAINT order_of_offer FOREIGN KEY (offer_id, product_id, vendor_org_id)
        REFERENCES catalog_offer (id, product_id, vendor_org_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT order_of_revision FOREIGN KEY (revision_id, product_id)
        REFERENCES catalog_revision (id, product_id) DEFERRABLE INITIALLY DEFERRED;

-- Indexes that no query needs: numbers are looked up whole, terms by order and version, and few orders have an approval.
DROP INDEX orders_order_number_abc9e0f2_like;
DROP INDEX orders_orderterms_order_id_198d6f8c;
DROP INDEX orders_order_approval_id_23dbefd6;
CREATE INDEX orders_order_approval_id_23dbefd6 ON orders_order (approval_id) WHERE approval_id IS NOT NULL;
