"""Settle what is due, now."""

import argparse
import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.kernel.money import to_text
from market.settlement.services import SettlementRun, capture_due, cutoff_due, run_settlement


def business_day(text: str) -> datetime.date:
    """An ISO 8601 date, not so early that its midnight lies before the calendar begins."""
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date such as 2027-01-31") from None
    if day.year < FIRST_YEAR:
        raise argparse.ArgumentTypeError(f"{text} is before the year {FIRST_YEAR}")
    return day


FIRST_YEAR = 1970
SHOW_EVERY = 10_000


class Command(BaseCommand):
    help = (
        "Make a batch a vendor of everything captured before a day (Asia/Shanghai) and pay it. Without --cutoff: what "
        "is due today under T+SETTLEMENT_DAYS. Twice does no harm; stopped half-way, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--cutoff", type=business_day, help="settle what was captured before this day")
        parser.add_argument(
            "--capture", action="store_true", help="first capture what is accepted and the workers have left"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        cutoff = clock.business_midnight(options["cutoff"]) if options["cutoff"] else cutoff_due()
        with refusals_as_errors():
            if options["capture"]:
                captured = capture_due(progress=self.show_captured)
                self.stdout.write(f"Captured {captured:,} charges.")
            run = run_settlement(actor=SYSTEM, cutoff=cutoff, progress=self.show_settled)
        day = clock.business_date(cutoff)
        if not run.batches:
            self.stdout.write(f"Nothing new before {day}.")
            return
        self.stdout.write(
            f"Settled what was captured before {day}: {run.orders} orders in {run.batches} batches, "
            f"{to_text(run.net)} yuan net; {run.sent} payouts sent, {run.held} waiting."
        )

    def show_captured(self, captured: int) -> None:
        """A line now and then: a million charges take minutes."""
        if captured and captured % SHOW_EVERY == 0:
            self.stdout.write(f"{captured:,} charges captured")

    def show_settled(self, done: SettlementRun) -> None:
        """A line for each slice of vendors."""
        self.stdout.write(f"{done.orders:,} orders settled in {done.batches:,} batches")
