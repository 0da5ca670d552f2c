"""The demo market: the same each time, valid throughout, and loaded whole or not at all."""

import hashlib
from collections import Counter
from importlib.metadata import metadata

import pytest
from django.core.files.storage import storages

from accounts import uscc
from accounts.bank_numbers import code_fault
from accounts.models import Membership, Organization, User
from accounts.states import OrganizationState, Role
from demo.companies import companies, organization_check
from demo.load import BUYERS, PENDING_VENDORS, SEED, VENDORS, Sizes, is_loaded, load
from demo.open_data import FLIGHTS, LICENCES, OPEN_DATA, VEGA
from demo.people import SIGN_INS
from demo.products import invented_products
from market.audit.models import AuditEvent
from market.catalog.models import Asset, Offer, Product
from market.catalog.states import ProductKind, ProductState, Sector
from market.kernel.actors import SYSTEM
from market.ledger import services as ledger
from market.ledger.errors import AlreadyPosted
from market.ledger.models import Account, Transfer
from tests import factories

SMALL = Sizes(vendors=60, products=140, buyers=5)


def test_companies_are_distinct_valid_and_the_same_each_time():
    everybody = companies(520, "vendor", VENDORS) + companies(520, "buyer", BUYERS)
    assert len(everybody) == 1092
    assert len({company.uscc for company in everybody}) == len({company.name for company in everybody}) == 1092
    assert all(uscc.is_valid(company.uscc) for company in everybody)
    assert all(company.uscc[16] == organization_check(company.uscc[8:16]) for company in everybody)
    assert {company.sector for company in everybody} == set(Sector.values)
    assert not any(code_fault(company.bank_account, company.bank_code) for company in everybody)
    assert companies(520, "vendor", 100) == companies(520, "vendor", VENDORS)[:100]
    assert companies(521, "vendor", 100) != companies(520, "vendor", 100)


def test_organisation_codes_check_as_published():
    """The standard's own example, and what published codes of large companies contain."""
    for code in ("D2143569X", "799655058", "71526726X", "802100433", "192203821"):
        assert organization_check(code[:8]) == code[8]


def test_products_cover_every_kind_in_every_sector_and_no_two_files_are_alike():
    vendors, buyers = companies(520, "vendor", VENDORS), companies(520, "buyer", BUYERS)
    products = list(invented_products(520, vendors, buyers, 3000))
    assert len({(product.kind, product.sector) for product in products}) == len(ProductKind) * len(Sector)
    assert len({product.vendor for product in products}) == VENDORS
    assert len({(product.vendor, product.code) for product in products}) == 3000
    contents = Counter(file.content for product in products for file in product.files)
    assert len(contents) > 2990
    amounts = [offer.amount for product in products for offer in product.offers]
    assert len(set(amounts)) > 1000 and 0 in amounts
    assert any(offer.buyer for product in products for offer in product.offers)


@pytest.mark.parametrize("package", [FLIGHTS, VEGA])
def test_the_packages_say_the_licence_that_we_say(package):
    assert LICENCES[package].startswith(metadata(package)["License"])
    assert metadata(package)["Version"] in LICENCES[package]


def test_open_data_names_its_source_and_licence_in_both_languages():
    assert len(OPEN_DATA) >= 12
    for data in OPEN_DATA:
        assert data.path.stat().st_size > 300
        assert data.description.count(data.licence) == 2
        assert "来源" in data.description and "Source" in data.description


@pytest.fixture
def small_market(db) -> None:
    assert load(sizes=SMALL)


def test_a_small_market_is_whole(small_market, client):
    assert is_loaded()
    vendors = Organization.objects.filter(capacities__contains=["vendor"])
    assert vendors.count() == 60
    assert vendors.filter(state=OrganizationState.PENDING).count() == PENDING_VENDORS
    assert Membership.objects.values("role").distinct().count() == len(Role)
    listed = Product.objects.filter(state=ProductState.LISTED)
    assert listed.count() == 140 + len(OPEN_DATA)
    assert Product.objects.filter(state=ProductState.IN_REVIEW).count() == 8
    assert not listed.filter(offers=None).exists() and not listed.filter(revisions__assets=None).exists()
    assert Offer.objects.filter(buyer_org__isnull=False).exists() and Offer.objects.filter(amount=0).exists()
    deposits = sum(Transfer.objects.filter(kind="deposit").values_list("amount", flat=True))
    assert deposits == sum(Account.objects.filter(kind="wallet").values_list("balance", flat=True)) > 0
    assert AuditEvent.objects.filter(name="product.listed").count() == listed.count()


def test_real_files_are_stored_byte_for_byte(small_market):
    for data in OPEN_DATA:
        asset = Asset.objects.get(revision__product__code=data.code)
        assert asset.sha256 == hashlib.sha256(data.path.read_bytes()).hexdigest()
        with storages["assets"].open(asset.storage_name) as stored:
            assert hashlib.file_digest(stored, "sha256").hexdigest() == asset.sha256


def test_loading_again_changes_nothing(small_market):
    counts = [model.objects.count() for model in (Organization, User, Product, Offer, AuditEvent, Transfer)]
    assert not load(sizes=SMALL)
    assert counts == [model.objects.count() for model in (Organization, User, Product, Offer, AuditEvent, Transfer)]


def test_everybody_named_signs_in_to_their_workspace(small_market, client):
    assert {person.workspace for person in SIGN_INS} == {"/admin/", "/vendor/", "/auditor/"}
    for person in SIGN_INS:
        assert client.login(username=person.email, password=person.password), person.email
        assert client.get(person.workspace).status_code == 200, person.workspace
        client.logout()


@pytest.mark.django_db(transaction=True)
def test_half_a_market_never_stays():
    """The third deposit's bank reference is taken: by then organisations, people and profiles have been written."""
    market = factories.market(funds=0)
    bank = Account.objects.get(organization=market.operator.organization, kind="bank")
    ledger.deposit(actor=SYSTEM, organization=market.buyer, bank=bank, amount=1, reference=f"DEMO{SEED}-0003")
    counts = [model.objects.count() for model in (Organization, User, Product, Transfer, AuditEvent)]
    with pytest.raises(AlreadyPosted):
        load(sizes=SMALL)
    assert counts == [model.objects.count() for model in (Organization, User, Product, Transfer, AuditEvent)]
