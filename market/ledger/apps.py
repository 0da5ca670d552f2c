from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    name = "market.ledger"
    label = "ledger"
    verbose_name = _("Where money is")

    def ready(self) -> None:
        """Handlers need models, which exist only now."""
        import_module("market.ledger.handlers")
