from django.db import migrations

from market.kernel.triggers import append_only, immutable_when, only_moves

LINKS_FIT = """
CREATE FUNCTION negotiation_quote_links_fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.current_offer_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM catalog_offer
         WHERE id = NEW.current_offer_id AND quote_id = NEW.id
           AND product_id = NEW.product_id AND buyer_org_id = NEW.buyer_org_id
    ) THEN
        RAISE EXCEPTION 'the offer does not answer this quote'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'negotiation_quote_links_fit';
    END IF;
    IF NEW.order_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM orders_order WHERE id = NEW.order_id AND offer_id = NEW.current_offer_id
    ) THEN
        RAISE EXCEPTION 'the order is not under the quote''s offer'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'negotiation_quote_links_fit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER negotiation_quote_links_fit
    BEFORE INSERT OR UPDATE OF current_offer_id, order_id ON negotiation_quote
    FOR EACH ROW EXECUTE FUNCTION negotiation_quote_links_fit();
"""
UNDO = """
DROP TRIGGER negotiation_quote_links_fit ON negotiation_quote;
DROP FUNCTION negotiation_quote_links_fit();
"""


class Migration(migrations.Migration):
    dependencies = [("negotiation", "0001_initial")]

    operations = [
        append_only("negotiation_quoteround"),
        immutable_when(
            "negotiation_quote",
            "true",
            may_change=(
                "state",
                "volume",
                "round_count",
                "current_offer_id",
                "least_quantity",
                "due_at",
                "last_round_at",
                "closed_at",
            ),
            fill_once=("order_id",),
        ),
        only_moves(
            "negotiation_quote",
            "state",
            {
                "asked": ["offered", "asked_back", "declined", "withdrawn", "expired"],
                "asked_back": ["asked", "declined", "expired"],
                "offered": ["asked", "accepted", "declined", "expired"],
            },
        ),
        migrations.RunSQL(LINKS_FIT, UNDO),
    ]
