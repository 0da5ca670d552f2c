
import django.db.models.deletion
import market.kernel.clock
import market.kernel.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0002_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.UUIDField(default=market.kernel.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('exporter', models.CharField(max_length=64, verbose_name='kind of report')),
                ('parameters', models.JSONField(default=dict, verbose_name='parameters')),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('done', 'done'), ('failed', 'failed')], default='queued', max_length=16, verbose_name='state')),
                ('rows_total', models.BigIntegerField(null=True, verbose_name='rows to write')),
                ('rows_done', models.BigIntegerField(default=0, verbose_name='rows written')),
                ('storage_name', models.CharField(blank=True, editable=False, max_length=255)),
                ('bytes', models.BigIntegerField(null=True, verbose_name='bytes')),
                ('sha256', models.CharField(blank=True, max_length=64, verbose_name='SHA-256')),
                ('totals', models.JSONField(default=dict, verbose_name='totals')),
                ('snapshot_at', models.DateTimeField(null=True, verbose_name='as of')),
                ('failure_reason', models.TextField(blank=True, verbose_name='why it failed')),
                ('created_at', models.DateTimeField(default=market.kernel.clock.now, verbose_name='requested')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='accounts.organization', verbose_name='organisation')),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='requested by')),
            ],
            options={
                'verbose_name': 'report',
                'verbose_name_plural': 'reports',
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['organization', '-id'], name='report_of_organization')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('bytes__isnull', False), ('finished_at__isnull', False), ('snapshot_at__isnull', False), ('rows_done', models.F('rows_total')), models.Q(('sha256', ''), _negated=True), models.Q(('storage_name', ''), _negated=True)), _connector='OR'), name='report_done_has_file'), models.CheckConstraint(condition=models.Q(('state', 'done'), ('storage_name', ''), _connector='OR'), name='report_file_only_when_done'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('failure_reason', ''), _negated=True), _connector='OR'), name='report_failed_with_reason')],
            },
        ),
    ]
