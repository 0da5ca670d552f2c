from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "market.workspaces"
    label = "workspaces"
