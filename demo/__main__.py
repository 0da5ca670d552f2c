"""``make demo``: load the market, run a whole trade through it, check every figure, tell what was traded.

Exit code 0 only if every figure checks.
"""

import argparse
import time

from django.conf import settings
from django.core.management import call_command
from rich.console import Console
from rich.progress import Progress

from demo import facts, summary
from demo.checks import Check, check
from demo.client import Refused
from demo.job import Run, TookTooLong
from demo.load import load
from demo.plan import Volume
from demo.processes import DidNotStart, Exchange, exchange
from demo.progress import bars, console


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0]).parse_args(arguments)
    screen = console()
    started = time.monotonic()
    screen.print("[bold]Qianshu 黔数[/]: a data exchange, from order to verified audit report\n")
    call_command("migrate", interactive=False, verbosity=0)
    try:
        with bars(screen) as progress:
            load(progress=progress)
            with exchange(settings.VAR_DIR / "demo") as running:
                run, found, checks = trade(screen, progress, running, Volume())
    except (DidNotStart, Refused, TookTooLong) as failure:
        screen.print(f"[bold red]The demo broke off.[/] {failure}")
        return 1
    summary.show(screen, found, checks, run.report_path, time.monotonic() - started)
    return 0 if all(one.holds for one in checks) else 1


def trade(
    screen: Console, progress: Progress, running: Exchange, volume: Volume
) -> tuple[Run, facts.Facts, list[Check]]:
    """The whole trade: every step in order, then everything read back and checked."""
    running.start_web()
    run = Run(progress, running, volume)
    screen.print(f"The exchange serves {running.address}; this run is {run.name}.")
    run.look_around()
    run.deposit()
    screen.print("Orders are placed while the workers sleep: what is to be delivered waits in the database.")
    run.place()
    run.repeat()
    run.overreach()
    run.trespass()
    run.cancel()
    run.place_last_month()
    with run.damage():
        screen.print("One byte of one file in the store is changed. The workers wake up.")
        run.deliver()
    run.refund()
    run.receive()
    run.accept()
    run.settle()
    report = run.export()
    screen.print("Everything is read back and compared.")
    found = facts.gather(run, report)
    return run, found, check(run, found)


if __name__ == "__main__":
    raise SystemExit(main())
