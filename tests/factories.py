"""A small market for tests, made of real rows and real files."""

import hashlib
import itertools
import random
from collections.abc import Sequence
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
from market.kernel.database import insert_together
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
    return _registered(_organization(*capacities, name=name, **fields))[0]


def _organization(*capacities: str, name: str = "", **fields: Any) -> Organization:
    number = next(_counter)
    return Organization(
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


def _registered(*organizations: Organization) -> Sequence[Organization]:
    accounts.register_organizations(actor=SYSTEM, organizations=organizations)
    ledger.open_accounts(organizations=organizations)
    return organizations


def member(organization: Organization, role: str) -> Membership:
    """A new user with PASSWORD in this role."""
    return _members((organization, role))[0]


def _members(*roles: tuple[Organization, str]) -> list[Membership]:
    """A new user with PASSWORD in each of these roles."""
    members = []
    for organization, role in roles:
        user = User(email=f"{role}{next(_counter)}@example.cn", name=role)
        user.set_password(PASSWORD)
        members.append((user, organization, role))
    return accounts.add_members(actor=SYSTEM, members=members)


def actor_of(membership: Membership) -> Actor:
    """The actor of a membership, as a token would give it."""
    return membership.actor(label=membership.user.email)


def bearer(membership: Membership, scopes: list[str] | None = None) -> str:
    """A fresh token of this membership."""
    return accounts.issue_tokens(actor=SYSTEM, memberships=[membership], name="test", scopes=scopes)[0]


def api_client(membership: Membership, scopes: list[str] | None = None) -> APIClient:
    """A client that sends a fresh token of this membership."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {bearer(membership, scopes)}")
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
    made = Product(vendor_org=vendor, state=state, **defaults | fields)
    insert_together(made)
    return made


def revision(product: Product, files: dict[str, bytes] | None = None, number: int | None = None) -> Revision:
    """A published revision with real files in the asset store."""
    number = number or product.revisions.count() + 1
    made = Revision(product=product, vendor_org_id=product.vendor_org_id, number=number)
    assets = []
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
        assets.append(asset)
    insert_together(made)
    insert_together(assets)
    made.state, made.published_at = RevisionState.PUBLISHED, clock.now()
    Revision.objects.filter(id=made.id).update(state=made.state, published_at=made.published_at)
    return made


def offer(product: Product, amount: int = 10_000, **fields: Any) -> Offer:
    """An active public offer: one-off for ``amount`` fen, or free when that is 0."""
    model = PriceModel.ONE_OFF if amount else PriceModel.FREE
    defaults = {"licence": "Internal use.", "state": OfferState.ACTIVE, "price_model": model}
    made = Offer(product=product, vendor_org_id=product.vendor_org_id, amount=amount, **defaults | fields)
    insert_together(made)
    return made


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
    exchange, vendor, buyer, regulator = _registered(
        _organization(Capacity.OPERATOR, name="贵阳大数据交易所"),
        _organization(Capacity.VENDOR, name="黔云数据有限公司"),
        _organization(Capacity.BUYER, name="遵义食品有限公司"),
        _organization(Capacity.REGULATOR),
    )
    listed = product(vendor)
    revision(listed, number=1)
    operator, lister, vendor_finance, purchaser, auditor = _members(
        (exchange, Role.OPERATOR),
        (vendor, Role.LISTER),
        (vendor, Role.FINANCE),
        (buyer, Role.PURCHASER),
        (regulator, Role.AUDITOR),
    )
    made = Market(operator, lister, vendor_finance, purchaser, auditor, offer(listed, price))
    if funds:
        fund(buyer, funds)
    return made
