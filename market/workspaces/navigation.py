"""The sidebar: one group a room, from what is registered; nobody keeps a list by hand."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

ORDER = (
    "catalog",
    "negotiation",
    "orders",
    "billing",
    "delivery",
    "settlement",
    "documents",
    "banking",
    "ledger",
    "reports",
    "audit",
    "accounts",
    "outbox",
)
"""In the order of a trade; rooms not named here come last."""


def sidebar(site: AdminSite, request: HttpRequest) -> list[dict[str, Any]]:
    """Groups and links in the form that the theme reads."""
    home = reverse(f"{site.name}:index")
    groups = [{"items": [_link(_("Overview"), home, "monitoring", request.path == home)]}]
    groups += [
        {
            "title": room["name"],
            "items": [
                _link(
                    model["name"],
                    model["admin_url"],
                    getattr(site.get_model_admin(model["model"]), "icon", "description"),
                    request.path.startswith(model["admin_url"]),
                )
                for model in room["models"]
                if model["admin_url"]
            ],
        }
        for room in sorted(site.get_app_list(request), key=_position)
    ]
    return groups


def _position(room: dict[str, Any]) -> tuple[int, str]:
    label = room["app_label"]
    return (ORDER.index(label) if label in ORDER else len(ORDER), label)


def _link(title: str, url: str, icon: str, active: bool) -> dict[str, Any]:
    return {"title": title, "link": url, "icon": icon, "active": active, "has_permission": True}
