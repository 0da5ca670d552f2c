import datetime
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.models import Membership
from accounts.states import Role, Scope
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors


class Command(BaseCommand):
    help = "Issue an API token to a member and print it, this once, on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True, help="the member's e-mail address")
        parser.add_argument("--role", required=True, choices=Role.values, help="the role it acts in")
        parser.add_argument("--organization", help="the organisation's code, when the member has the role in several")
        parser.add_argument("--name", default="command line", help="what the token is called in lists")
        parser.add_argument("--scopes", nargs="+", choices=Scope.values, help="all that the role allows when left out")
        parser.add_argument(
            "--days",
            type=int,
            default=services.DEFAULT_LIFETIME.days,
            help="how long it is good, %(default)s by default",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = Membership.objects.filter(
            user__email=options["email"].lower(), role=options["role"], is_active=True
        ).select_related("user", "organization")
        if options["organization"]:
            found = found.filter(organization__uscc=options["organization"].upper())
        memberships = list(found[:2])
        if not memberships:
            raise CommandError(f"Nobody with that e-mail address is {options['role']} there.")
        if len(memberships) > 1:
            raise CommandError("The role is held in several organisations: say which with --organization CODE.")
        with refusals_as_errors():
            (secret,) = services.issue_tokens(
                actor=SYSTEM,
                memberships=memberships,
                name=options["name"],
                scopes=options["scopes"],
                lifetime=datetime.timedelta(days=options["days"]),
            )
        self.stdout.write(secret)
