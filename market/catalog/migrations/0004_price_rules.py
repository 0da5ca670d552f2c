import django.db.models.expressions
import market.catalog.models.offers
from django.db import migrations, models


TIERS_SOUND = """
-- The sibling of market.catalog.pricing.check_tiers: a CHECK constraint may call only what the database knows.
CREATE FUNCTION catalog_tiers_sound(tiers jsonb, tier_mode text, price_model text, amount bigint)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    tier jsonb;
    reached bigint := 0;
    has_ended boolean := false;
    first_unit bigint;
BEGIN
    IF tiers IS NULL OR jsonb_typeof(tiers) <> 'array' THEN
        RETURN false;
    END IF;
    IF tier_mode = '' THEN
        RETURN tiers = '[]'::jsonb;
    END IF;
    IF tier_mode NOT IN ('graduated', 'volume') OR price_model NOT IN ('one_off', 'subscription', 'metered')
        OR jsonb_array_length(tiers) NOT BETWEEN 1 AND 20
    THEN
        RETURN false;
    END IF;
    FOR tier IN SELECT value FROM jsonb_array_elements(tiers) LOOP
        IF has_ended OR jsonb_typeof(tier) <> 'object' THEN
            RETURN false;
        END IF;
        IF NOT tier ?& ARRAY['up_to', 'unit_price', 'flat'] OR tier - ARRAY['up_to', 'unit_price', 'flat'] <> '{}'::jsonb
            OR jsonb_typeof(tier -> 'unit_price') <> 'number' OR jsonb_typeof(tier -> 'flat') <> 'number'
            OR tier ->> 'unit_price' !~ '^[0-9]{1,16}$' OR tier ->> 'flat' !~ '^[0-9]{1,16}$'
        THEN
            RETURN false;
        END IF;
        IF (tier ->> 'unit_price')::bigint > 1000000000000000 OR (tier ->> 'flat')::bigint > 1000000000000000 THEN
            RETURN false;
        END IF;
        first_unit := coalesce(
            first_unit, ((tier ->> 'unit_price')::bigint + 5000) / 10000 + (tier ->> 'flat')::bigint
        );
        IF jsonb_typeof(tier -> 'up_to') = 'null' THEN
            has_ended := true;
            CONTINUE;
        END IF;
        IF jsonb_typeof(tier -> 'up_to') <> 'number' OR tier ->> 'up_to' !~ '^[0-9]{1,13}$' THEN
            RETURN false;
        END IF;
        IF (tier ->> 'up_to')::bigint <= reached OR (tier ->> 'up_to')::bigint > 1000000000000 THEN
            RETURN false;
        END IF;
        reached := (tier ->> 'up_to')::bigint;
    END LOOP;
    -- Use is not ordered but happens: its scale has no end. Elsewhere lists show what the first unit costs.
    RETURN CASE WHEN price_model = 'metered' THEN has_ended ELSE amount = first_unit END;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_guards'),
        ('catalog', '0003_offers_of_quotes'),
    ]

    operations = [
        migrations.RunSQL(TIERS_SOUND, "DROP FUNCTION catalog_tiers_sound(jsonb, text, text, bigint)"),
        migrations.RemoveConstraint(
            model_name='offer',
            name='offer_price_fits_model',
        ),
        migrations.AddField(
            model_name='offer',
            name='at_prepaid_end',
            field=models.CharField(blank=True, choices=[('top_up', 'topped up: the same amount is taken from the wallet again'), ('stop', 'stopped until the buyer tops up')], max_length=8, verbose_name='when the prepayment is used up'),
        ),
        migrations.AddField(
            model_name='offer',
            name='free_units',
            field=models.BigIntegerField(default=0, verbose_name='free units a month'),
        ),
        migrations.AddField(
            model_name='offer',
            name='includes_later_revisions',
            field=models.BooleanField(default=False, verbose_name='includes revisions published within the term'),
        ),
        migrations.AddField(
            model_name='offer',
            name='is_instalment',
            field=models.BooleanField(default=False, verbose_name='paid by the month'),
        ),
        migrations.AddField(
            model_name='offer',
            name='monthly_cap',
            field=models.BigIntegerField(blank=True, null=True, verbose_name='most a month costs (fen)'),
        ),
        migrations.AddField(
            model_name='offer',
            name='months',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='term (months)'),
        ),
        migrations.AddField(
            model_name='offer',
            name='renewal_notice_days',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='notice before renewal (days)'),
        ),
        migrations.AddField(
            model_name='offer',
            name='tier_mode',
            field=models.CharField(blank=True, choices=[('graduated', 'graduated: each unit at its own tier'), ('volume', 'volume: all units at the tier of the total')], max_length=16, verbose_name='how the scale is read'),
        ),
        migrations.AddField(
            model_name='offer',
            name='tiers',
            field=models.JSONField(blank=True, default=list, verbose_name='scale of prices'),
        ),
        migrations.AddField(
            model_name='offer',
            name='trial_days',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='trial (days)'),
        ),
        migrations.AddField(
            model_name='offer',
            name='unit',
            field=models.CharField(blank=True, max_length=32, verbose_name='unit of use'),
        ),
        migrations.AddField(
            model_name='offer',
            name='unit_price',
            field=models.BigIntegerField(default=0, verbose_name='price of a unit of use (1/10,000 fen)'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', 0), ('price_model', 'free')), models.Q(('amount__gt', 0), ('amount__lte', 1000000000000000), ('price_model__in', ['one_off', 'subscription', 'metered'])), models.Q(('amount', 0), ('price_model__in', ['one_off', 'subscription']), models.Q(('tier_mode', ''), _negated=True)), _connector='OR'), name='offer_price_fits_model'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('months', 0), ('price_model__in', ('one_off', 'free')), ('trial_days', 0)), models.Q(('months__gte', 1), ('months__lte', 36), ('price_model__in', ('subscription', 'metered')), ('trial_days__lte', 90)), _connector='OR'), name='offer_term_fits_model'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(('price_model', 'subscription'), models.Q(('includes_later_revisions', False), ('is_instalment', False), ('renewal_notice_days', None)), _connector='OR'), name='offer_subscription_only'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(('is_instalment', False), ('months__gte', 2), _connector='OR'), name='offer_instalments_of_months'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(('renewal_notice_days', None), models.Q(('renewal_notice_days__gte', 1), ('renewal_notice_days__lte', 90), ('renewal_notice_days__lte', django.db.models.expressions.CombinedExpression(models.F('months'), '*', models.Value(28)))), _connector='OR'), name='offer_notice_within_term'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('free_units__gte', 0), ('free_units__lte', 1000000000000), ('price_model', 'metered'), ('at_prepaid_end__in', ['top_up', 'stop']), models.Q(('unit', ''), _negated=True), models.Q(('monthly_cap', None), models.Q(('monthly_cap__gte', 1), ('monthly_cap__lte', 1000000000000000)), _connector='OR'), models.Q(models.Q(('tier_mode', ''), ('unit_price__gte', 1), ('unit_price__lte', 1000000000000000)), models.Q(models.Q(('tier_mode', ''), _negated=True), ('unit_price', 0)), _connector='OR')), models.Q(models.Q(('price_model', 'metered'), _negated=True), ('at_prepaid_end', ''), ('free_units', 0), ('monthly_cap', None), ('unit', ''), ('unit_price', 0)), _connector='OR'), name='offer_metering_fits_model'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=market.catalog.models.offers.TiersSound('tiers', 'tier_mode', 'price_model', 'amount'), name='offer_tiers_sound'),
        ),
    ]
