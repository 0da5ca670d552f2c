"""The demo market, into the database: through the services that production uses, every check on, set by set.

    python -m demo.load [--if-empty] [--seed N]

A market that is there already stays as it is. Everything is one transaction: half a market never stays.
"""

import argparse
import dataclasses
import datetime
import random
from collections.abc import Iterable
from typing import TypeVar

from django.db import connection, transaction
from rich.progress import Progress

from accounts import services as accounts
from accounts.models import Membership, Organization
from accounts.states import Capacity, OrganizationState, Role
from demo.companies import Company, code_of, companies
from demo.people import staff
from demo.products import drafts, invented_products, open_products
from demo.progress import bars, console
from market.catalog import services as catalog
from market.catalog.models import Revision, VendorProfile
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.ledger import services as ledger
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.settlement.models import FeeSchedule
from market.settlement.services import create_fee_schedule

SEED = 520
VENDORS = 1032
PENDING_VENDORS = 8
"""The last of the vendors wait for the operator to verify them, and sell nothing yet."""

PRODUCTS = 3000
HISTORY = datetime.timedelta(days=30)
"""How long the market has been there: an acceptance period can have run out, and nothing is older than its market."""

DRAFTS = 8
"""Products that wait in the operator's queue for a review."""

BUYERS = 60
COMMISSION_BPS = 500
EXCHANGE = code_of("520100", "MA000001")
REGULATOR = code_of("520000", "MB000001", kind="11")
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """How large a market; tests load a small one."""

    vendors: int = VENDORS
    products: int = PRODUCTS
    buyers: int = BUYERS


def is_loaded() -> bool:
    """Whether the demo market is in the database."""
    return Organization.objects.filter(uscc=EXCHANGE).exists()


def load(seed: int = SEED, sizes: Sizes | None = None, progress: Progress | None = None) -> bool:
    """Load the market unless it is there; says whether it did. One transaction."""
    if is_loaded():
        return False
    sizes = sizes or Sizes()
    vendors, buyers = companies(seed, "vendor", sizes.vendors), companies(seed, "buyer", sizes.buyers)
    selling = vendors[:-PENDING_VENDORS]
    with transaction.atomic():
        with clock.frozen_at(clock.now() - HISTORY):
            (exchange, regulator), vendor_rows, buyer_rows = _organizations(vendors, buyers, progress)
            memberships = _people(seed, exchange, regulator, vendor_rows, buyer_rows, progress)
            operator = memberships[0].actor(label=memberships[0].user.email)
            _profiles(vendors, vendor_rows, operator)
            _money(seed, exchange, buyer_rows, operator, progress)
            _products(seed, selling, buyers, sizes.products, operator, progress)
        # The planner still believes the tables empty, and would plan accordingly.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        _reviews(seed, selling[-DRAFTS:], memberships, operator)
    return True


def _organizations(
    vendors: list[Company], buyers: list[Company], progress: Progress | None
) -> tuple[list[Organization], list[Organization], list[Organization]]:
    houses = [
        Organization(
            name="贵阳黔数数据交易所有限公司",
            uscc=EXCHANGE,
            region="贵州省贵阳市",
            capacities=[Capacity.OPERATOR],
            bank_account="6222000000000000001",
            state=OrganizationState.VERIFIED,
        ),
        Organization(
            name="贵州省数据流通监管中心",
            uscc=REGULATOR,
            region="贵州省",
            capacities=[Capacity.REGULATOR],
            state=OrganizationState.VERIFIED,
        ),
    ]
    pending = {company.uscc for company in vendors[-PENDING_VENDORS:]}
    selling = [
        _organization(company, Capacity.VENDOR, verified=company.uscc not in pending)
        for company in _each(vendors, progress, "Vendors")
    ]
    buying = [_organization(company, Capacity.BUYER) for company in _each(buyers, progress, "Buyers")]
    everybody = [*houses, *selling, *buying]
    accounts.register_organizations(actor=SYSTEM, organizations=everybody)
    ledger.open_accounts(
        organizations=[organization for organization in everybody if organization.state == OrganizationState.VERIFIED]
    )
    return houses, selling, buying


def _organization(company: Company, capacity: str, verified: bool = True) -> Organization:
    return Organization(
        name=company.name,
        uscc=company.uscc,
        region=company.region,
        taxpayer_type=company.taxpayer_type,
        bank_account=company.bank_account,
        bank_code=company.bank_code,
        capacities=[capacity],
        state=OrganizationState.VERIFIED if verified else OrganizationState.PENDING,
    )


def _people(
    seed: int,
    exchange: Organization,
    regulator: Organization,
    vendors: list[Organization],
    buyers: list[Organization],
    progress: Progress | None,
) -> list[Membership]:
    rows = staff(seed, exchange, regulator, vendors, buyers)
    return accounts.add_members(actor=SYSTEM, members=_each(rows, progress, "Members"))


def _profiles(companies_: list[Company], vendors: list[Organization], operator: Actor) -> None:
    catalog.import_vendor_profiles(
        actor=operator,
        profiles=[
            VendorProfile(
                organization=vendor,
                sector=company.sector,
                introduction=f"{vendor.name}，{company.place}数据商。Invented for the demo market.",
                contact_email=f"sales@vendor{company.number:04d}.example.cn",
            )
            for company, vendor in zip(companies_, vendors, strict=True)
        ],
    )


def _money(
    seed: int, exchange: Organization, buyers: list[Organization], operator: Actor, progress: Progress | None
) -> None:
    if not FeeSchedule.objects.exists():
        create_fee_schedule(actor=operator, commission_bps=COMMISSION_BPS)
    chance = random.Random(f"{seed} money")
    bank = Account.objects.get(organization=exchange, kind=AccountKind.BANK)
    for number, buyer in enumerate(_each(buyers, progress, "Deposits"), 1):
        ledger.deposit(
            actor=operator,
            organization=buyer,
            bank=bank,
            amount=chance.randrange(200_000, 9_000_000) * 100,
            reference=f"DEMO{seed}-{number:04d}",
        )


def _products(
    seed: int, vendors: list[Company], buyers: list[Company], count: int, operator: Actor, progress: Progress | None
) -> None:
    catalog.import_products(
        actor=operator,
        products=_each(open_products(vendors), progress, "Real open data"),
        reasons="公开数据，许可与来源已核对。Open data; licence and source checked.",
    )
    catalog.import_products(
        actor=operator,
        products=_each(invented_products(seed, vendors, buyers, count), progress, "Products", count),
        reasons="演示市场。Demo market.",
    )


def _reviews(seed: int, vendors: list[Company], memberships: list[Membership], operator: Actor) -> None:
    """Drafts of a few vendors, submitted by their listers: something for the operator to decide."""
    keys = catalog.import_products(actor=operator, products=drafts(seed, vendors))
    listers = {row.organization_id: row for row in memberships if row.role == Role.LISTER}
    for revision in Revision.objects.filter(product_id__in=keys):
        lister = listers[revision.vendor_org_id]
        actor = lister.actor(label=lister.user.email)
        catalog.publish_revision(actor=actor, revision_id=revision.id)
        catalog.submit_product(actor=actor, product_id=revision.product_id)


def _each(items: Iterable[Item], progress: Progress | None, what: str, total: int | None = None) -> Iterable[Item]:
    """``items``, with a bar that follows."""
    if progress is None:
        return items
    items = items if total else list(items)
    return progress.track(items, total=total or len(items), description=what)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.load", description="Load the demo market.")
    parser.add_argument("--if-empty", action="store_true", help="only when no organisation is registered at all")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, another market (default %(default)s)")
    options = parser.parse_args(arguments)
    screen = console()
    if options.if_empty and Organization.objects.exists():
        return 0
    with bars(screen) as progress:
        loaded = load(options.seed, progress=progress)
    screen.print("The demo market is loaded." if loaded else "The demo market is there already.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
