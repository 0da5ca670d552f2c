from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkspacesConfig(AppConfig):
    name = "market.workspaces"
    label = "workspaces"

    def ready(self) -> None:
        """Import every room's ``admin.py``, which registers its models on the three sites."""
        autodiscover_modules("admin")
