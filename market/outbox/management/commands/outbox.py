from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from market.kernel.actors import SYSTEM
from market.outbox import selectors, services


class Command(BaseCommand):
    help = "Show how the durable work stands (default), or send dead letters back to work."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "act", nargs="?", choices=["status", "retry"], default="status", help="show it, or send dead letters back"
        )
        parser.add_argument("--dead", action="store_true", help="with retry: every dead letter")
        parser.add_argument("--kind", default="", help="with retry: only those of this kind")

    def handle(self, *, act: str, dead: bool, kind: str, **_options: object) -> None:
        if act == "status":
            self._status()
        elif dead:
            self.stdout.write(f"{services.retry_dead(actor=SYSTEM, kind=kind)} dead letters sent back to work")
        else:
            raise CommandError("Say `outbox retry --dead`: only dead letters are retried by hand.")

    def _status(self) -> None:
        self.stdout.write(f"{'kind':<32} {'state':<8} {'jobs':>9}  oldest due")
        for row in selectors.counts():
            oldest = row["oldest"].isoformat(timespec="seconds")
            self.stdout.write(f"{row['kind']:<32} {row['state']:<8} {row['jobs']:>9}  {oldest}")
        self.stdout.write(f"{selectors.overdue()} jobs are due and in nobody's hands")
