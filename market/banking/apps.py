from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BankingConfig(AppConfig):
    name = "market.banking"
    label = "banking"
    verbose_name = _("Money at the bank")
