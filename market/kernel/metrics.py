"""Figures for a monitoring system. Rooms register what they measure; the deployment shows it as text."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping


@dataclasses.dataclass(frozen=True)
class Metric:
    """One figure of a family ``name``; ``kind`` is ``gauge`` or ``counter``. ``labels`` tell its kin apart."""

    name: str
    help: str
    value: int | float
    kind: str = "gauge"
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


Source = Callable[[], Iterable[Metric]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Show what ``source`` yields at each look; metrics of one family one after the other."""
    _sources.append(source)


def exposition() -> str:
    """Every figure now, in the text format that Prometheus and its kin read (version 0.0.4)."""
    lines, seen = [], set()
    for source in _sources:
        for metric in source():
            if metric.name not in seen:
                lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
                seen.add(metric.name)
            labels = ",".join(f'{name}="{value}"' for name, value in metric.labels.items())
            lines.append(f"{metric.name}{{{labels}}} {metric.value}" if labels else f"{metric.name} {metric.value}")
    return "\n".join(lines) + "\n"
