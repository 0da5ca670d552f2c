"""What the bank is to pay for a settlement run, as a file."""

import pathlib
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.banking.selectors import cutoff_to_pay
from market.banking.services import make_payment_file, take_payment_file
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.kernel.money import to_text
from market.settlement.management.commands.settle import business_day
from market.settlement.services import cutoff_due


class Command(BaseCommand):
    help = (
        "Write the ISO 20022 payment file (pain.001.001.09) of a settlement run: every payout that has been sent and "
        "stands in no file yet. Without --cutoff: the run that is due today. Twice gives the same file again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("output", help="the file to write, or - for standard output")
        parser.add_argument(
            "--cutoff", type=business_day, help="of the run that settled what was captured before this day"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        cutoff = cutoff_to_pay(options["cutoff"]) if options["cutoff"] else cutoff_due()
        try:
            with refusals_as_errors():
                made = make_payment_file(actor=SYSTEM, cutoff=cutoff)
                file, pieces = take_payment_file(actor=SYSTEM, file_id=made.id)
                if options["output"] == "-":
                    sys.stdout.buffer.writelines(pieces)
                else:
                    with pathlib.Path(options["output"]).open("wb") as output:
                        output.writelines(pieces)
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}") from error
        self.stderr.write(
            f"{file.message_id}: {file.payment_count} payments, {to_text(file.total)} {file.currency}, "
            f"SHA-256 {file.file_sha256}"
        )
