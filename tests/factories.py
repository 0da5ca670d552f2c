"""A small market for tests, made of real rows and real files."""

import hashlib
import itertools
import random
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts import uscc
from accounts.models import Membership, Organization, User
from accounts.states import Capacity, OrganizationState, Role
from market.catalog.models import Asset, Offer, Product, Revision
from market.catalog.states import OfferState, PriceModel, ProductKind, ProductState, RevisionState, RightsBasis, Sector
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.ledger import services as ledger
from market.ledger.models import Account
from market.ledger.states import AccountKind

PASSWORD = "correct horse battery staple"
CONTENT = b"station,value\nGuiyang,21\nZunyi,19\n"
_counter = itertools.count(1)


def valid_uscc(seed: int) -> str:
    """A valid code of a Guiyang company; different for different seeds."""
    body = "".join(random.Random(seed).choices(uscc.ALPHABET, k=9))
    first = f"91520100{body}"
    return first + uscc.check_character(first)


def organization(*capacities: str, name: str = "", **fields: Any) -> Organization:
    """A verified organisation with its accounts open."""
    number = next(_counter)
    made = Organization(
        name=name or f"机构 {number}",
        capacities=list(capacities),
        **{
            "uscc": valid_uscc(number),
            "region": "贵阳市",
            "state": OrganizationState.VERIFIED,
            "bank_account": f"62220{number:011d}",
        }
        | fields,
    )
    accounts.register_organizations(actor=SYSTEM, organizations=[made])
    ledger.open_accounts(organizations=[made])
    return made


def member(organization: Organization, role: str) -> Membership:
    """A new user with PASSWORD in this role."""
    user = User(email=f"{role}{next(_counter)}@example.cn", name=role)
    user.set_password(PASSWORD)
    return accounts.add_members(actor=SYSTEM, members=[(user, organization, role)])[0]


def actor_of(membership: Membership) -> Actor:
    """The actor of a membership, as a token would give it."""
    return membership.actor(label=membership.user.email)


def api_client(membership: Membership, scopes: list[str] | None = None) -> APIClient:
    """A client that sends a fresh token of this membership."""
    secret = accounts.issue_tokens(actor=SYSTEM, memberships=[membership], name="test", scopes=scopes)[0]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def product(vendor: Organization, state: str = ProductState.LISTED, **fields: Any) -> Product:
    """A product that has been through review, without revisions or offers."""
    number = next(_counter)
    is_listed = state in (ProductState.LISTED, ProductState.SUSPENDED, ProductState.DELISTED)
    defaults = {
        "code": f"P{number}",
        "title": f"气象观测 {number}",
        "description": "Hourly observations.",
        "kind": ProductKind.DATASET,
        "sector": Sector.M,
        "rights_basis": RightsBasis.OPERATION,
        "certificate_number": f"QS-TEST-{number}" if is_listed else None,
        "listed_at": clock.now() if is_listed else None,
    }
    return Product.objects.create(vendor_org=vendor, state=state, **defaults | fields)


def revision(product: Product, files: dict[str, bytes] | None = None) -> Revision:
    """A published revision with real files in the asset store."""
    made = Revision.objects.create(
        product=product, vendor_org_id=product.vendor_org_id, number=product.revisions.count() + 1
    )
    for path, content in (files or {"observations.csv": CONTENT}).items():
        asset = Asset(
            revision=made,
            vendor_org_id=product.vendor_org_id,
            path=path,
            media_type="text/csv",
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        asset.storage_name = storages["assets"].save(f"{product.id}/{made.id}/{asset.id}", ContentFile(content))
        asset.save(force_insert=True)
    Revision.objects.filter(id=made.id).update(state=RevisionState.PUBLISHED, published_at=clock.now())
    made.refresh_from_db()
    return made


def offer(product: Product, amount: int = 10_000, **fields: Any) -> Offer:
    """An active public offer: one-off for ``amount`` fen, or free when that is 0."""
    model = PriceModel.ONE_OFF if amount else PriceModel.FREE
    defaults = {"licence": "Internal use.", "state": OfferState.ACTIVE, "price_model": model}
    return Offer.objects.create(
        product=product, vendor_org_id=product.vendor_org_id, amount=amount, **defaults | fields
    )


def fund(buyer: Organization, amount: int) -> None:
    """Deposit ``amount`` fen into the buyer's wallet, through the operator's bank account."""
    bank = Account.objects.filter(kind=AccountKind.BANK).first()
    if bank is None:
        bank = Account.objects.get(organization=organization(Capacity.OPERATOR), kind=AccountKind.BANK)
    ledger.deposit(actor=SYSTEM, organization=buyer, bank=bank, amount=amount, reference=f"TEST-{next(_counter)}")


def balance(organization: Organization, kind: str) -> int:
    """The guarded balance in fen, as the database has it now."""
    return Account.objects.get(organization=organization, kind=kind).balance


@dataclass
class Market:
    """One operator, one vendor with a listed product for 100.00 yuan, one buyer with 1,000.00, one auditor."""

    operator: Membership
    lister: Membership
    vendor_finance: Membership
    purchaser: Membership
    auditor: Membership
    offer: Offer

    @property
    def vendor(self) -> Organization:
        return self.lister.organization

    @property
    def buyer(self) -> Organization:
        return self.purchaser.organization


def market(price: int = 10_000, funds: int = 100_000) -> Market:
    """The smallest market in which a trade can run from end to end."""
    exchange = organization(Capacity.OPERATOR, name="贵阳大数据交易所")
    vendor = organization(Capacity.VENDOR, name="黔云数据有限公司")
    buyer = organization(Capacity.BUYER, name="遵义食品有限公司")
    listed = product(vendor)
    revision(listed)
    made = Market(
        operator=member(exchange, Role.OPERATOR),
        lister=member(vendor, Role.LISTER),
        vendor_finance=member(vendor, Role.FINANCE),
        purchaser=member(buyer, Role.PURCHASER),
        auditor=member(organization(Capacity.REGULATOR), Role.AUDITOR),
        offer=offer(listed, price),
    )
    if funds:
        fund(buyer, funds)
    return made
