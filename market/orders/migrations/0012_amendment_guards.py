from django.db import migrations

from market.kernel.triggers import immutable_when, only_moves

FOLLOWS_TERMS = """
CREATE FUNCTION orders_order_follows_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest orders_orderterms%ROWTYPE;
    terms jsonb;
BEGIN
    IF NEW.terms_sha256 = OLD.terms_sha256 THEN
        IF (NEW.purpose, NEW.approval_id, NEW.acceptance_days, NEW.ends_on)
            IS DISTINCT FROM (OLD.purpose, OLD.approval_id, OLD.acceptance_days, OLD.ends_on)
        THEN
            RAISE EXCEPTION 'what the contract says changes with a new version of its terms only'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_order_follows_terms';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO newest FROM orders_orderterms WHERE order_id = NEW.id ORDER BY version DESC LIMIT 1;
    terms := newest.document::jsonb;
    IF newest.sha256 IS DISTINCT FROM NEW.terms_sha256
        OR terms #>> '{order,purpose}' IS DISTINCT FROM NEW.purpose
        OR terms #>> '{order,purpose_approval}' IS DISTINCT FROM NEW.approval_id::text
        OR (terms #>> '{offer,acceptance_days}')::int IS DISTINCT FROM
            coalesce(NEW.acceptance_days, (SELECT acceptance_days FROM catalog_offer WHERE id = NEW.offer_id))
        OR terms #>> '{ends_early,ends_before}' IS DISTINCT FROM NEW.ends_on::text
    THEN
        RAISE EXCEPTION 'the order does not say what the newest version of its terms says'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_order_follows_terms';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_order_follows_terms
    BEFORE UPDATE OF purpose, approval_id, acceptance_days, ends_on, terms_sha256 ON orders_order
    FOR EACH ROW EXECUTE FUNCTION orders_order_follows_terms();
"""
UNDO = """
DROP TRIGGER orders_order_follows_terms ON orders_order;
DROP FUNCTION orders_order_follows_terms();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0011_amendments")]

    operations = [
        # The guard again, with what an amendment may change; the trigger after it says when.
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
                "purpose",
                "approval_id",
                "acceptance_days",
                "ends_on",
                "terms_sha256",
                "amendment_due_at",
            ),
        ),
        migrations.RunSQL(FOLLOWS_TERMS, UNDO),
        immutable_when(
            "orders_amendment",
            "true",
            may_change=("state", "answer", "decided_by_id", "closed_at"),
            fill_once=("terms_id",),
        ),
        only_moves(
            "orders_amendment", "state", {"proposed": ["confirmed", "declined", "withdrawn", "expired"]}
        ),
    ]
