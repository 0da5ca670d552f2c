from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "market.reports"
    label = "reports"
    verbose_name = _("Reports")

    def ready(self) -> None:
        """Handlers and panels need models, which exist only now."""
        import_module("market.reports.handlers")
        import_module("market.reports.panels")
