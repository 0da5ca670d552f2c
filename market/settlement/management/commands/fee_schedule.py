"""The fees of the exchange: show them, or announce the next version."""

import argparse
import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.settlement.models import FeeSchedule
from market.settlement.services import create_fee_schedule
from market.settlement.services.fees import VAT_GENERAL_BPS, VAT_SMALL_SCALE_BPS


def moment(text: str) -> datetime.datetime:
    """An ISO 8601 moment; a date or a time without zone is Asia/Shanghai's."""
    try:
        found = parse_datetime(text) or datetime.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date or time such as 2027-01-01T00:00+08:00") from None
    return found if found.tzinfo else found.replace(tzinfo=clock.BUSINESS_ZONE)


class Command(BaseCommand):
    help = (
        "Without options: every announced fee schedule. With --commission-bps: announce the next version, "
        "without tiers and special rates, which are drafted in the workspace. Rates are basis points: 500 is 5 %."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--commission-bps", type=int, help="commission, of the order's amount")
        parser.add_argument("--vat-general-bps", type=int, default=VAT_GENERAL_BPS, help="default %(default)s")
        parser.add_argument("--vat-small-scale-bps", type=int, default=VAT_SMALL_SCALE_BPS, help="default %(default)s")
        parser.add_argument("--effective-from", type=moment, help="ISO 8601; now by default")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["commission_bps"] is not None:
            with refusals_as_errors():
                schedule = create_fee_schedule(
                    actor=SYSTEM,
                    commission_bps=options["commission_bps"],
                    vat_general_bps=options["vat_general_bps"],
                    vat_small_scale_bps=options["vat_small_scale_bps"],
                    effective_from=options["effective_from"],
                )
            self.stdout.write(f"Created version {schedule.version}.")
        schedules = FeeSchedule.objects.filter(version__isnull=False)
        if not schedules:
            raise CommandError("There is no fee schedule yet: create the first with --commission-bps.")
        self.stdout.write("version  commission  VAT general  VAT small-scale  in force from (bps)")
        for schedule in schedules:
            begins = schedule.effective_from.astimezone(clock.BUSINESS_ZONE).isoformat(timespec="seconds")
            self.stdout.write(
                f"{schedule.version:>7}  {schedule.commission_bps:>10}  {schedule.vat_general_bps:>11}"
                f"  {schedule.vat_small_scale_bps:>15}  {begins}"
            )
