"""Progress bars, all alike."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

WIDTH_OF_A_FILE = 120


def console() -> Console:
    """As wide as the terminal; in a file or a pipe, wide enough for the tables."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH_OF_A_FILE)


def bars(console: Console) -> Progress:
    """A display of bars: what, how far, how many, how long."""
    return Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
