import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts import services
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.outbox import services as outbox


class Command(BaseCommand):
    help = (
        "Start an exchange: the operator's organisation, verified, with its accounts open, and its first operator, who "
        "then signs in at /admin/. The password is asked for, or read from the first line of standard input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--uscc", required=True, help="the organisation's Unified Social Credit Code")
        parser.add_argument("--name", required=True, help="the organisation's name")
        parser.add_argument("--email", required=True, help="the operator's e-mail address")
        parser.add_argument("--region", default="贵州省贵阳市", help="where it is, %(default)s by default")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization(
            name=options["name"],
            uscc=options["uscc"].upper(),
            region=options["region"],
            capacities=[Capacity.OPERATOR],
        )
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        with refusals_as_errors(), transaction.atomic():
            services.register_organizations(actor=SYSTEM, organizations=[organization])
            opening = services.change_organization_state(
                actor=SYSTEM, organization_id=organization.id, state=OrganizationState.VERIFIED
            )
            services.add_member(
                actor=SYSTEM,
                organization=organization,
                role=Role.OPERATOR,
                email=options["email"],
                password=password,
            )
        # Whoever starts an exchange may have no worker running yet.
        outbox.perform(opening.id)
        self.stdout.write(f"{organization.name} is the operator. {options['email']} may sign in at /admin/.")
