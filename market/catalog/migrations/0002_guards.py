from django.db import migrations

from market.kernel.triggers import immutable_when, only_moves

ASSETS_OF_DRAFTS_ONLY = """
CREATE FUNCTION catalog_asset_joins_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The lock orders this insert against a publication that is under way.
    PERFORM 1 FROM catalog_revision WHERE id = NEW.revision_id AND state = 'draft' FOR SHARE;
    IF FOUND THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a published revision takes no more assets'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'catalog_asset_joins_draft';
END $$;
CREATE TRIGGER catalog_asset_joins_draft BEFORE INSERT ON catalog_asset
    FOR EACH ROW EXECUTE FUNCTION catalog_asset_joins_draft();
"""
UNDO = """
DROP TRIGGER catalog_asset_joins_draft ON catalog_asset;
DROP FUNCTION catalog_asset_joins_draft();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        immutable_when(
            "catalog_revision",
            "OLD.state <> 'draft'",
            may_change=("state", "revoked_at", "revocation_reason"),
        ),
        only_moves("catalog_revision", "state", {"draft": ["published"], "published": ["revoked"]}),
        immutable_when("catalog_offer", "true", may_change=("state",)),
        only_moves("catalog_offer", "state", {"active": ["withdrawn"]}),
        immutable_when("catalog_review", "OLD.decision <> 'pending'"),
        # What was certified is what is sold: from then on only the state may change.
        immutable_when("catalog_product", "OLD.certificate_number IS NOT NULL", may_change=("state",)),
        immutable_when(
            "catalog_asset",
            "EXISTS (SELECT FROM catalog_revision WHERE id = OLD.revision_id AND state <> 'draft')",
        ),
        migrations.RunSQL(ASSETS_OF_DRAFTS_ONLY, UNDO),
    ]
