"""What everybody in a workspace must know, on each of its pages. Rooms register it in ``AppConfig.ready()``."""

import dataclasses
from collections.abc import Callable, Iterable

from django.utils.functional import Promise

from market.kernel.actors import Actor
from market.workspaces.access import Workspace


@dataclasses.dataclass(frozen=True)
class Notice:
    """A sentence, and the page that says more."""

    text: str | Promise
    url: str = ""


Source = Callable[[Actor], Iterable[Notice]]
"""Asked at every page, so one look at an index at most."""

_sources: dict[Workspace, list[Source]] = {workspace: [] for workspace in Workspace}


def register(workspace: Workspace, source: Source) -> None:
    """Show what ``source`` yields on every page of ``workspace``."""
    _sources[workspace].append(source)


def notices(workspace: Workspace, actor: Actor | None) -> list[Notice]:
    """What the pages of ``workspace`` show to ``actor`` now; nothing to a stranger."""
    if actor is None:
        return []
    return [notice for source in _sources[workspace] for notice in source(actor)]
