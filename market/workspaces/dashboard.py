"""What a workspace's first page shows. Rooms register panels in ``AppConfig.ready()``; this room only draws them."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils.functional import Promise
from redis import RedisError

from market.kernel.actors import Actor
from market.kernel.money import to_text
from market.workspaces.access import Workspace

logger = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class Number:
    """One figure on a card. ``value`` is ready to read; ``url`` leads to what it counts."""

    title: str | Promise
    value: str
    note: str | Promise = ""
    url: str = ""
    icon: str = ""


@dataclasses.dataclass(frozen=True)
class Chart:
    """A series over time. ``values`` belong to ``labels`` one by one; ``kind`` is ``bar`` or ``line``."""

    title: str | Promise
    labels: Sequence[str]
    values: Sequence[int | float]
    kind: str = "bar"
    unit: str | Promise = ""

    options = json.dumps(
        {
            "responsive": True,
            "maintainAspectRatio": False,
            "animation": False,
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {"grid": {"display": False}, "ticks": {"maxRotation": 0, "autoSkipPadding": 16}},
                "y": {"beginAtZero": True, "grid": {}, "border": {"display": False}, "ticks": {"maxTicksLimit": 6}},
            },
        }
    )
    template = "workspaces/dashboard/chart.html"

    @property
    def data(self) -> str:
        """The data as Chart.js wants them. Values are drawn, never added up: floats do no harm here."""
        return json.dumps(
            {
                "labels": list(self.labels),
                "datasets": [
                    {
                        "label": str(self.unit or self.title),
                        "data": list(self.values),
                        "borderColor": "var(--color-primary-600)",
                        "backgroundColor": "var(--color-primary-600)",
                        "maxBarThickness": 24,
                        "borderWidth": 2 if self.kind == "line" else 0,
                        "pointRadius": 2,
                    }
                ],
            },
            ensure_ascii=False,
        )


@dataclasses.dataclass(frozen=True)
class Curve:
    """One of several series in a picture: ``kind`` is ``bar`` or ``line``; ``colour`` as CSS knows it."""

    title: str | Promise
    values: Sequence[int | float]
    kind: str = "bar"
    colour: str = "var(--color-primary-600)"


@dataclasses.dataclass(frozen=True)
class Curves:
    """Several series over the same time, with a legend. The values of each belong to ``labels`` one by one."""

    title: str | Promise
    labels: Sequence[str]
    curves: Sequence[Curve]

    options = json.dumps(json.loads(Chart.options) | {"plugins": {"legend": {"display": True, "position": "bottom"}}})
    template = Chart.template
    kind = "bar"

    @property
    def data(self) -> str:
        """The data as Chart.js wants them. Values are drawn, never added up: floats do no harm here."""
        datasets = [
            {
                "label": str(curve.title),
                "type": curve.kind,
                "data": list(curve.values),
                "borderColor": curve.colour,
                "backgroundColor": curve.colour,
                "maxBarThickness": 24,
                "borderWidth": 2 if curve.kind == "line" else 0,
                "pointRadius": 2,
            }
            for curve in self.curves
        ]
        return json.dumps({"labels": list(self.labels), "datasets": datasets}, ensure_ascii=False)


@dataclasses.dataclass(frozen=True)
class Share:
    """One line of ``Shares``: how much of the whole it is decides the length of its bar."""

    label: str | Promise
    amount: int
    text: str = ""
    url: str = ""


@dataclasses.dataclass(frozen=True)
class Shares:
    """A whole in parts, the largest first if the caller sorts them so."""

    title: str | Promise
    parts: Sequence[Share]

    template = "workspaces/dashboard/shares.html"

    @property
    def lines(self) -> list[dict[str, object]]:
        """Each part with its per cent of the largest, at least 1 so that it can be seen."""
        largest = max((part.amount for part in self.parts), default=0)
        return [
            {
                "label": part.label,
                "text": part.text or str(part.amount),
                "url": part.url,
                "per_cent": max(1, round(100 * part.amount / largest)) if part.amount else 0,
            }
            for part in self.parts
        ]


Figure = Number | Chart | Curves | Shares
Panel = Callable[[Actor], Iterable[Figure]]
"""Given who looks, the figures to draw, in a constant number of queries."""


def remembered(name: str, compute: Callable[[], Any]) -> Any:
    """What ``compute`` gave at most ``DASHBOARD_SECONDS`` ago, or gives now. Without the cache, always now."""
    key = f"dashboard:{name}"
    try:
        known = cache.get(key)
        if known is None:
            known = compute()
            cache.set(key, known, settings.DASHBOARD_SECONDS)
    except RedisError as error:
        logger.warning("dashboard.not_remembered", error=str(error))
        return compute()
    return known


def yuan(amount: int) -> str:
    """Fen as yuan for a person: ``¥1,234.50``."""
    whole, fen = to_text(abs(amount)).split(".")
    return f"{'-' if amount < 0 else ''}¥{int(whole):,}.{fen}"


_panels: dict[Workspace, list[Panel]] = {workspace: [] for workspace in Workspace}


def register(workspace: Workspace, panel: Panel) -> None:
    """Add a panel to the first page of ``workspace``, after those registered before."""
    _panels[workspace].append(panel)


def figures(workspace: Workspace, actor: Actor) -> list[Figure]:
    """Everything the first page of ``workspace`` shows to ``actor``."""
    return [figure for panel in _panels[workspace] for figure in panel(actor)]
