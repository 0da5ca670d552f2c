

import django.db.models.deletion
import market.kernel.clock
import market.kernel.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0002_guards'),
        ('catalog', '0003_offers_of_quotes'),
        ('orders', '0002_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Quote',
            fields=[
                ('id', models.UUIDField(default=market.kernel.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(max_length=24, unique=True, verbose_name='quote number')),
                ('purpose', models.CharField(max_length=1000, verbose_name='declared purpose')),
                ('volume', models.PositiveIntegerField(null=True, verbose_name='volume wanted')),
                ('state', models.CharField(choices=[('asked', 'waits for the vendor'), ('asked_back', 'vendor asked back'), ('offered', 'offer made'), ('accepted', 'accepted'), ('declined', 'declined'), ('withdrawn', 'withdrawn'), ('expired', 'expired')], default='asked', max_length=16, verbose_name='state')),
                ('round_count', models.PositiveSmallIntegerField(default=1, verbose_name='rounds')),
                ('least_quantity', models.PositiveIntegerField(null=True, verbose_name='for at least (units)')),
                ('due_at', models.DateTimeField(null=True, verbose_name='ends by itself')),
                ('asked_at', models.DateTimeField(default=market.kernel.clock.now, verbose_name='asked')),
                ('last_round_at', models.DateTimeField(default=market.kernel.clock.now, verbose_name='last word')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed')),
                ('buyer_org', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quotes_asked', to='accounts.organization', verbose_name='buyer')),
                ('current_offer', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='current_in_quote', to='catalog.offer', verbose_name='offer that stands')),
                ('order', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quote', to='orders.order', verbose_name='order')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quotes', to='catalog.product', verbose_name='product')),
                ('vendor_org', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quotes_given', to='accounts.organization', verbose_name='vendor')),
            ],
            options={
                'verbose_name': 'quote',
                'verbose_name_plural': 'quotes',
                'ordering': ('-id',),
                'indexes': [
                    models.Index(fields=['buyer_org', '-id'], name='quote_of_buyer'),
                    models.Index(fields=['vendor_org', '-id'], name='quote_of_vendor'),
                    models.Index(condition=models.Q(('state__in', ('asked', 'asked_back', 'offered'))), fields=['due_at'], name='quote_due'),
                ],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('state__in', ['asked', 'asked_back', 'offered', 'accepted', 'declined', 'withdrawn', 'expired'])), name='quote_state_known'),
                    models.CheckConstraint(condition=models.Q(('buyer_org', models.F('vendor_org')), _negated=True), name='quote_not_with_oneself'),
                    models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('due_at__isnull', False), ('state__in', ('asked', 'asked_back', 'offered'))), models.Q(models.Q(('state__in', ('asked', 'asked_back', 'offered')), _negated=True), ('closed_at__isnull', False), ('due_at', None)), _connector='OR'), name='quote_open_has_deadline'),
                    models.CheckConstraint(condition=models.Q(models.Q(('current_offer__isnull', False), ('state__in', ['offered', 'accepted'])), models.Q(models.Q(('state__in', ['offered', 'accepted']), _negated=True), ('current_offer', None), ('least_quantity', None)), _connector='OR'), name='quote_offered_has_offer'),
                    models.CheckConstraint(condition=models.Q(models.Q(('order__isnull', False), ('state', 'accepted')), models.Q(models.Q(('state', 'accepted'), _negated=True), ('order', None)), _connector='OR'), name='quote_accepted_has_order'),
                    models.CheckConstraint(condition=models.Q(('round_count__gte', 1), models.Q(('volume', None), ('volume__gte', 1), _connector='OR'), models.Q(('least_quantity', None), ('least_quantity__gte', 1), _connector='OR')), name='quote_counts'),
                ],
            },
        ),
        migrations.CreateModel(
            name='QuoteRound',
            fields=[
                ('id', models.UUIDField(default=market.kernel.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('buyer_org_id', models.UUIDField(editable=False)),
                ('vendor_org_id', models.UUIDField(editable=False)),
                ('number', models.PositiveSmallIntegerField(verbose_name='round')),
                ('side', models.CharField(choices=[('buyer', 'buyer'), ('vendor', 'vendor'), ('exchange', 'exchange')], max_length=16, verbose_name='side')),
                ('act', models.CharField(choices=[('ask', 'asks for a quote'), ('offer', 'makes an offer'), ('ask_back', 'asks back'), ('counter', 'answers'), ('accept', 'accepts the offer'), ('decline', 'declines'), ('withdraw', 'withdraws'), ('expire', 'time ran out')], max_length=16, verbose_name='act')),
                ('actor_role', models.CharField(blank=True, max_length=32, verbose_name='role')),
                ('actor_label', models.CharField(max_length=200, verbose_name='who')),
                ('message', models.TextField(blank=True, verbose_name='message')),
                ('volume', models.PositiveIntegerField(null=True, verbose_name='volume')),
                ('valid_until', models.DateTimeField(null=True, verbose_name='valid until')),
                ('created_at', models.DateTimeField(default=market.kernel.clock.now, verbose_name='when')),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person')),
                ('offer', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quote_round', to='catalog.offer', verbose_name='private offer')),
                ('quote', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rounds', to='negotiation.quote', verbose_name='quote')),
            ],
            options={
                'verbose_name': 'round of a quote',
                'verbose_name_plural': 'rounds of quotes',
                'ordering': ('quote', 'number'),
                'constraints': [
                    models.UniqueConstraint(fields=('quote', 'number'), name='quote_round_number_once'),
                    models.CheckConstraint(condition=models.Q(models.Q(('act__in', ('ask', 'counter', 'accept', 'decline', 'withdraw')), ('side', 'buyer')), models.Q(('act__in', ('offer', 'ask_back', 'decline', 'withdraw')), ('side', 'vendor')), models.Q(('act__in', ('expire',)), ('side', 'exchange')), _connector='OR'), name='quote_round_side_may_act'),
                    models.CheckConstraint(condition=models.Q(models.Q(('act', 'ask'), ('number', 1)), models.Q(('number__gt', 1), models.Q(('act', 'ask'), _negated=True)), _connector='OR'), name='quote_round_first_asks'),
                    models.CheckConstraint(condition=models.Q(models.Q(('act', 'offer'), ('offer__isnull', False), ('valid_until__isnull', False)), models.Q(models.Q(('act', 'offer'), _negated=True), ('offer', None), ('valid_until', None)), _connector='OR'), name='quote_round_offers_until'),
                    models.CheckConstraint(condition=models.Q(models.Q(('act__in', ('counter', 'ask_back')), _negated=True), models.Q(('message', ''), _negated=True), _connector='OR'), name='quote_round_says_something'),
                    models.CheckConstraint(condition=models.Q(('volume', None), ('volume__gte', 1), _connector='OR'), name='quote_round_volume'),
                ],
            },
        ),
    ]
