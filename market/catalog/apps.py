from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "market.catalog"
    label = "catalog"
    verbose_name = _("What is for sale")

    def ready(self) -> None:
        """Panels need models, which exist only now."""
        import_module("market.catalog.panels")
