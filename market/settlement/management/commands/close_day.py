"""Close the business day. Exit code 0 when every fen adds up, 1 on any drift."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.settlement.management.commands.settle import business_day
from market.settlement.services import close_day


class Command(BaseCommand):
    help = (
        "Shut the books of every business day (Asia/Shanghai) up to yesterday that is still open, keep the balances of "
        "unguarded accounts, derive everything again and keep the report. Drift stops payments to vendors. Twice does "
        "no harm."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", type=business_day, help="the last day to close; yesterday by default")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_as_errors():
            closes = close_day(actor=SYSTEM, day=options["day"])
        if not closes:
            self.stdout.write("Nothing to close.")
            return
        report = closes[-1].report
        days = ", ".join(str(close) for close in closes)
        self.stdout.write(f"Closed {days}: looked at {report.looked_at:,} objects in {report.seconds:.1f} s.")
        if not report.is_clean:
            self.stdout.write(f"DRIFT: {report.drifted:,} objects. Payments to vendors are stopped: see the runbook.")
            sys.exit(1)
