"""Every address of an admin site, out of its own URLconf: what is registered tomorrow is tested tomorrow."""

import dataclasses
import re
import uuid
from collections.abc import Iterator

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, reverse

from market.workspaces.sites import WorkspaceSite

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclasses.dataclass(frozen=True)
class Address:
    """One route, with its parameters filled in."""

    name: str
    path: str
    model_admin: ModelAdmin | None
    is_about_an_object: bool


def addresses(site: WorkspaceSite, rows: dict[type[Model], list[uuid.UUID]]) -> list[Address]:
    """Each route of the site; ``rows`` gives the keys with which to fill the routes that are about an object."""
    return list(_walk(site.urls[0], reverse(f"{site.name}:index"), site, rows))


def _walk(patterns: list, prefix: str, site: WorkspaceSite, rows: dict) -> Iterator[Address]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, prefix + str(pattern.pattern), site, rows)
        else:
            yield from _filled(pattern, prefix, site, rows)


def _filled(pattern: URLPattern, prefix: str, site: WorkspaceSite, rows: dict) -> Iterator[Address]:
    route = prefix + str(pattern.pattern)
    if pattern.name == "app_list":
        for label in sorted({model._meta.app_label for model in site._registry}):
            yield Address("app_list", f"{prefix}{label}/", None, False)
        return
    if "(?P<url>.*)$" in route:
        yield Address("catch_all", f"{prefix}nothing-here/", None, False)
        return
    model_admin = _model_admin(prefix, site)
    fillings = {
        "object_id": [str(key) for key in rows.get(model_admin.model, [])] if model_admin else [],
        "act_name": [act.name for act in getattr(model_admin, "acts", ())] or ["none"],
    }
    paths = [route]
    for name in PARAMETER.findall(route):
        assert name in fillings, f"teach this test to fill {name} of {route}"
        paths = [re.sub(rf"<(?:\w+:)?{name}>", value, path, count=1) for path in paths for value in fillings[name]]
    for path in paths:
        yield Address(pattern.name or "", path, model_admin, "object_id>" in route)


def _model_admin(prefix: str, site: WorkspaceSite) -> ModelAdmin | None:
    for model, model_admin in site._registry.items():
        if prefix.endswith(f"/{model._meta.app_label}/{model._meta.model_name}/"):
            return model_admin
    return None
