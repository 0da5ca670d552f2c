from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "market.billing"
    label = "billing"
    verbose_name = _("Running contracts")

    def ready(self) -> None:
        """Handlers and panels need models, which exist only now."""
        import_module("market.billing.handlers")
        import_module("market.billing.panels")
