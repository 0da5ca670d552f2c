"""Who may look around in the demo market: addresses and passwords for people, a token for programs.

python -m demo.signins --address http://127.0.0.1:8000
"""

import argparse
import datetime

from rich.console import Console

from accounts.models import Membership
from accounts.services import issue_tokens
from accounts.states import Role
from demo.load import is_loaded
from demo.people import PURCHASER, SIGN_INS
from market.kernel.actors import SYSTEM

LIFETIME = datetime.timedelta(days=1)


def show(console: Console, address: str) -> None:
    """Print who signs in where, and one call of the API that works as it stands."""
    console.print("Sign in:")
    for person in SIGN_INS:
        where = f"{address}{person.workspace}"
        console.print(
            f"  {where:<34} {person.email:<30} {person.password}   {person.role}: {person.what}",
            soft_wrap=True,
            highlight=False,
        )
    purchaser = Membership.objects.select_related("user", "organization").get(
        user__email=PURCHASER, role=Role.PURCHASER
    )
    (token,) = issue_tokens(actor=SYSTEM, memberships=[purchaser], name="make serve", lifetime=LIFETIME)
    console.print(f"\nA buyer's token, good for one day ({purchaser.organization.name}):")
    console.print(
        f"  curl -H 'Authorization: Bearer {token}' {address}/api/v1/products", soft_wrap=True, highlight=False
    )
    console.print(f"The API explains itself at {address}/api/docs/\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.signins", description="Print who may sign in where.")
    parser.add_argument("--address", default="http://127.0.0.1:8000", help="where the exchange is served")
    options = parser.parse_args(arguments)
    console = Console()
    if not is_loaded():
        console.print("The demo market is not in this database: python -m demo.load puts it there.")
        return 0
    show(console, options.address.rstrip("/"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
