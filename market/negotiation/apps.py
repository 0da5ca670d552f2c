from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NegotiationConfig(AppConfig):
    name = "market.negotiation"
    label = "negotiation"
    verbose_name = _("Quotes")

    def ready(self) -> None:
        """Panels need models, which exist only now."""
        import_module("market.negotiation.panels")
