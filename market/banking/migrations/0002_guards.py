from django.db import migrations

from market.kernel.triggers import append_only

# What the bank said never changes, and what became of a line is decided once.
DECIDED_ONCE = """
CREATE FUNCTION banking_bankline_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decision text[] := ARRAY[
        'state', 'buyer_org_id', 'payout_id', 'return_reference', 'reason', 'decided_by_id', 'decided_at'
    ];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'waiting' AND NEW.state <> 'waiting'
        AND to_jsonb(NEW) - decision = to_jsonb(OLD) - decision
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on banking_bankline is refused: its rows are evidence', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'banking_bankline_is_immutable';
END $$;
CREATE TRIGGER banking_bankline_guard BEFORE UPDATE OR DELETE ON banking_bankline
    FOR EACH ROW EXECUTE FUNCTION banking_bankline_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("banking", "0001_initial")]

    operations = [
        append_only("banking_bankstatement"),
        migrations.RunSQL(
            DECIDED_ONCE,
            "DROP TRIGGER banking_bankline_guard ON banking_bankline; DROP FUNCTION banking_bankline_guard();",
        ),
    ]
