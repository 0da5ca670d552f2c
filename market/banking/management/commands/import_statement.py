"""A bank statement on the command line."""

import pathlib
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.banking.services import import_statement
from market.banking.states import LineState
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.kernel.money import to_text


class Command(BaseCommand):
    help = (
        "Import an ISO 20022 bank statement (camt.053.001.02 or .08) and match its lines with buyers' deposits and "
        "vendors' payouts. All of it or nothing; what was imported before stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file, or - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with refusals_as_errors():
                if options["file"] == "-":
                    found = import_statement(actor=SYSTEM, file=sys.stdin.buffer)
                else:
                    with pathlib.Path(options["file"]).open("rb") as file:
                        found = import_statement(actor=SYSTEM, file=file)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        for statement in found.statements:
            self.stdout.write(
                f"Statement {statement.statement_id}: {to_text(statement.opening)} + {to_text(statement.credits)} - "
                f"{to_text(statement.debits)} = {to_text(statement.closing)} {statement.currency}"
            )
        self.stdout.write(f"{found.lines} lines, {found.new} of them new.")
        for state in LineState:
            if count := found.by_state.get(state):
                self.stdout.write(f"{count:>8}  {state.label}")
