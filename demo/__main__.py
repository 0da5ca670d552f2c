"""``make demo``: load the market, run a whole trade through it, check every figure, tell what was traded.

Exit code 0 only if every figure checks.
"""

import argparse
import time

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from demo import facts, summary
from demo.checks import Check, check
from demo.client import Refused
from demo.contracts import Contracts
from demo.damage import damaged_file
from demo.job import Run, TookTooLong
from demo.listing import FormRefused
from demo.load import load
from demo.plan import Volume
from demo.processes import DidNotStart, Exchange, exchange
from demo.progress import bars, console


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0]).parse_args(arguments)
    screen = console()
    started = time.monotonic()
    screen.print("[bold]Qianshu 黔数[/]: a data exchange, from listing to verified audit report\n")
    call_command("migrate", interactive=False, verbosity=0)
    if not _is_alone():
        screen.print("Another demo is running in this database: wait for its end.")
        return 1
    try:
        with bars(screen) as progress:
            load(progress=progress)
            with exchange(settings.VAR_DIR / "demo") as running:
                run, found, checks = trade(screen, progress, running, Volume())
    except (DidNotStart, FormRefused, Refused, TookTooLong) as failure:
        screen.print(f"[bold red]The demo broke off.[/] {escape(str(failure))}")
        return 1
    except KeyboardInterrupt:
        screen.print("Stopped. Orders that were placed stay in the database; the next run does not mind them.")
        return 130
    summary.show(screen, found, checks, run.report_path, time.monotonic() - started)
    return 0 if all(one.holds for one in checks) else 1


def _is_alone() -> bool:
    """Two at a time would spend from the same wallets. The lock ends with this process's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('qianshu demo'))")
        return cursor.fetchone()[0]


def trade(
    screen: Console, progress: Progress, running: Exchange, volume: Volume
) -> tuple[Run, facts.Facts, list[Check]]:
    """The whole trade: every step in order, then everything read back and checked."""
    running.start_web()
    run = Run(progress, running, volume)
    screen.print(f"The exchange serves {running.address}; this run is {run.name}.")
    run.list_something_new()
    run.look_around()
    run.deposit()
    contracts = Contracts(run)
    with damaged_file(run.plan.damaged.choice.product["id"]):
        screen.print(
            "One byte of one file in the store is changed. Orders are placed while the workers sleep: "
            "what is to be delivered waits in the database."
        )
        run.place()
        run.cancel()
        run.repeat()
        run.overreach()
        run.trespass()
        run.place_last_month()
        contracts.sell()
        screen.print("The workers wake up.")
        run.deliver()
    run.refund()
    run.receive()
    run.accept()
    contracts.begin()
    contracts.use()
    contracts.leave()
    run.settle()
    report = run.export()
    screen.print("Everything is read back and compared.")
    found = facts.gather(run, contracts, report)
    return run, found, check(run, found)


if __name__ == "__main__":
    raise SystemExit(main())
