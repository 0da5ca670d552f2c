from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    label = "accounts"
    verbose_name = _("Organisations and people")

    def ready(self) -> None:
        """Handlers and panels need models, which exist only now."""
        import_module("accounts.handlers")
        import_module("accounts.panels")
