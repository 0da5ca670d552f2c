"""python -m benchmarks.market BUYERS VENDORS PRICE FUNDS: fill a new database; print buyers' tokens, then offers."""

import sys

import django
from django.core.management import call_command

django.setup()

from accounts.services import issue_tokens  # noqa: E402  (models exist only now)
from accounts.states import Capacity, Role  # noqa: E402
from market.kernel.actors import SYSTEM  # noqa: E402
from tests import factories  # noqa: E402


def main(buyers: int, vendors: int, price: int, funds: int) -> None:
    """The smallest market of that size, made through the services."""
    call_command("migrate", verbosity=0)
    memberships = []
    for _number in range(buyers):
        membership = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
        factories.fund(membership.organization, funds)
        memberships.append(membership)
    offers = []
    for _number in range(vendors):
        product = factories.product(factories.organization(Capacity.VENDOR))
        factories.revision(product)
        offers.append(str(factories.offer(product, price).id))
    print(*issue_tokens(actor=SYSTEM, memberships=memberships, name="benchmark"))
    print(*offers)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
