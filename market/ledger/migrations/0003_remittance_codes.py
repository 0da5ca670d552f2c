from django.db import migrations, models
from django.db.models import Q

from market.ledger import remittance


def give_codes(apps, schema_editor):
    """To wallets that were opened before there were codes."""
    accounts = apps.get_model("ledger", "Account")
    schema_editor.execute("ALTER TABLE ledger_account DISABLE TRIGGER ledger_account_guard")
    taken = set()
    for key in accounts.objects.filter(kind="wallet").values_list("id", flat=True):
        while (code := remittance.new_code()) in taken:
            pass
        taken.add(code)
        accounts.objects.filter(id=key).update(remittance_code=code)
    schema_editor.execute("ALTER TABLE ledger_account ENABLE TRIGGER ledger_account_guard")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_posting")]

    operations = [
        migrations.AddField(
            "account",
            "remittance_code",
            models.CharField(
                blank=True, editable=False, max_length=11, null=True, unique=True, verbose_name="remittance code"
            ),
        ),
        migrations.RunPython(give_codes, migrations.RunPython.noop),
        migrations.AddConstraint(
            "account",
            models.CheckConstraint(
                name="ledger_account_wallet_has_code",
                condition=Q(("kind", "wallet"), ("remittance_code__isnull", False))
                | Q(Q(("kind", "wallet"), _negated=True), ("remittance_code__isnull", True)),
            ),
        ),
    ]
