"""What a measurement leaves behind, and on what machine."""

import dataclasses
import datetime
import json
import os
import platform
from pathlib import Path

FOLDER = Path(__file__).with_name("results")


@dataclasses.dataclass(frozen=True)
class Measure:
    """One figure beside its yardstick.

    ``goal`` is the least ``ratio`` (value / yardstick) that satisfies, or with ``is_ceiling`` the greatest; without one
    the figure is only reported.
    """

    name: str
    value: float
    unit: str
    yardstick: str
    yardstick_value: float
    goal: float | None = None
    is_ceiling: bool = False

    @property
    def ratio(self) -> float:
        return self.value / self.yardstick_value

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.is_ceiling else self.ratio >= self.goal


def machine() -> dict[str, object]:
    """What the figures depend on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "memory_mib": int(memory) // 1024,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def write(name: str, measures: list[Measure], facts: dict[str, object]) -> None:
    """Show the measures and keep them as ``results/<name>.json``."""
    rows = [
        {
            "name": measure.name,
            "value": round(measure.value, 2),
            "unit": measure.unit,
            "yardstick": measure.yardstick,
            "yardstick_value": round(measure.yardstick_value, 2),
            "ratio": round(measure.ratio, 4),
            "goal": measure.goal,
            "met": measure.met,
            "machine": facts,
        }
        for measure in measures
    ]
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    for row in rows:
        verdict = {True: f"goal {row['goal']}, met", False: f"goal {row['goal']}, NOT MET", None: "no goal"}
        print(
            f"{row['name']}: {row['value']} {row['unit']}; {row['yardstick']}: {row['yardstick_value']}; "
            f"ratio {row['ratio']} ({verdict[row['met']]})"
        )
    print(f"written to {path}")
