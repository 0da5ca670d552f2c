from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveryConfig(AppConfig):
    name = "market.delivery"
    label = "delivery"
    verbose_name = _("What the buyer receives")

    def ready(self) -> None:
        """Handlers need models, which exist only now."""
        import_module("market.delivery.handlers")
