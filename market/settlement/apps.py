from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettlementConfig(AppConfig):
    name = "market.settlement"
    label = "settlement"
    verbose_name = _("What the vendor earns")

    def ready(self) -> None:
        """Handlers and panels need models, which exist only now."""
        import_module("market.settlement.handlers")
        import_module("market.settlement.metrics")
        import_module("market.settlement.panels")
