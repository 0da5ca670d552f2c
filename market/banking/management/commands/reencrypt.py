"""After a new key was put in front of FIELD_ENCRYPTION_KEYS: write every encrypted value with it."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Model, TextField
from django.db.models.functions import Cast

from market.kernel.encryption import EncryptedField, is_current
from market.kernel.locks import lock_in_order

ROWS_A_TRANSACTION = 500


class Command(BaseCommand):
    help = "Write every encrypted value with the first of FIELD_ENCRYPTION_KEYS; afterwards the other keys may go."

    def handle(self, *args: Any, **options: Any) -> None:
        for model in apps.get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, EncryptedField):
                    count = reencrypt(model, field)
                    self.stdout.write(f"{model._meta.label}.{field.name}: {count} written anew")


def reencrypt(model: type[Model], field: EncryptedField) -> int:
    """Every value of the field that another key than the first encrypted; returns how many. Each slice commits."""
    stored = model._base_manager.exclude(**{field.name: ""}).annotate(stored=Cast(field.name, TextField()))
    old = [key for key, value in stored.values_list("pk", "stored").iterator() if not is_current(value)]
    for start in range(0, len(old), ROWS_A_TRANSACTION):
        with transaction.atomic():
            rows = lock_in_order(model._base_manager.filter(pk__in=old[start : start + ROWS_A_TRANSACTION]))
            for key, plain in rows.values_list("pk", field.name):
                model._base_manager.filter(pk=key).update(**{field.name: plain})
    return len(old)
