from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "market.orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Handlers and panels need models, which exist only now."""
        import_module("market.orders.handlers")
        import_module("market.orders.panels")
