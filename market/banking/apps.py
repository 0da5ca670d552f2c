from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from market.banking.providers import provider


class BankingConfig(AppConfig):
    name = "market.banking"
    label = "banking"
    verbose_name = _("Money at the bank")

    def ready(self) -> None:
        """A provider that is named and not set up stops us now and not at the first payment."""
        for name in settings.PAYMENT_PROVIDERS:
            provider(name)
