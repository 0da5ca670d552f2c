"""Progress bars, all alike."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def bars(console: Console) -> Progress:
    """A display of bars: what, how far, how many, how long."""
    return Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
