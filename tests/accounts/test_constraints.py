"""What the database refuses, whoever writes: raw SQL against each rule."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import services
from accounts.models import ApiToken, Membership, Organization, User
from accounts.states import Capacity, Role
from market.kernel.actors import SYSTEM
from market.kernel.database import violated_constraint
from tests import factories

pytestmark = pytest.mark.django_db


def refused(constraint: str, sql: str, *parameters) -> None:
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    assert violated_constraint(error.value).startswith(constraint)


@pytest.fixture
def vendor() -> Organization:
    return factories.organization(Capacity.VENDOR)


def test_an_operator_may_not_be_a_vendor(vendor):
    refused(
        "organization_operator_is_no_vendor",
        "UPDATE accounts_organization SET capacities = '{buyer,operator,vendor}' WHERE id = %s",
        vendor.id,
    )


@pytest.mark.parametrize("capacities", ["{}", "{wizard}", "{vendor,wizard}"])
def test_capacities_are_known_and_at_least_one(vendor, capacities):
    refused(
        "organization_capacities_known",
        "UPDATE accounts_organization SET capacities = %s::varchar[] WHERE id = %s",
        capacities,
        vendor.id,
    )


@pytest.mark.parametrize("code", ["", "91350100m000100y43", "9135010OM000100Y43", "91350100M000100Y4"])
def test_the_shape_of_a_code(vendor, code):
    refused("organization_uscc_format", "UPDATE accounts_organization SET uscc = %s WHERE id = %s", code, vendor.id)


def test_a_code_stands_once(vendor):
    other = factories.organization(Capacity.BUYER)
    refused(
        "accounts_organization_uscc",
        "UPDATE accounts_organization SET uscc = %s WHERE id = %s",
        vendor.uscc,
        other.id,
    )


def test_an_email_is_lower_case_and_stands_once():
    one = User.objects.create_user("One@Example.cn")
    two = User.objects.create_user("two@example.cn")
    assert one.email == "one@example.cn"
    refused("user_email_lower_case", "UPDATE accounts_user SET email = 'Two@example.cn' WHERE id = %s", two.id)
    refused("accounts_user_email", "UPDATE accounts_user SET email = 'one@example.cn' WHERE id = %s", two.id)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_a_vendor_has_no_operators_and_auditors(vendor, role):
    membership = factories.member(vendor, Role.LISTER)
    refused(
        "membership_role_fits_organization",
        "UPDATE accounts_membership SET role = %s WHERE id = %s",
        role,
        membership.id,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=membership.user, organization=vendor, role=role)


def test_an_organisation_with_operators_stays_an_operator():
    exchange = factories.member(factories.organization(Capacity.OPERATOR), Role.OPERATOR).organization
    refused(
        "membership_role_fits_organization",
        "UPDATE accounts_organization SET capacities = '{buyer}' WHERE id = %s",
        exchange.id,
    )


def test_a_membership_stands_once(vendor):
    membership = factories.member(vendor, Role.LISTER)
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        Membership.objects.create(user=membership.user, organization=vendor, role=Role.LISTER)
    assert violated_constraint(error.value) == "membership_once"


def test_a_token_is_never_widened_prolonged_moved_deleted_or_unrevoked(vendor):
    lister, finance = factories.member(vendor, Role.LISTER), factories.member(vendor, Role.FINANCE)
    services.issue_tokens(actor=SYSTEM, memberships=[lister], name="one", scopes=["account:read"])
    token = ApiToken.objects.get()
    for change in (
        "scopes = '{orders:write}'",
        "expires_at = expires_at + interval '1 year'",
        f"membership_id = '{finance.id}'",
        "digest = '\\x00'",
        "revoked_at = now(), scopes = '{orders:write}'",
    ):
        refused("accounts_apitoken_is_immutable", f"UPDATE accounts_apitoken SET {change} WHERE id = %s", token.id)
    refused("accounts_apitoken_is_immutable", "DELETE FROM accounts_apitoken WHERE id = %s", token.id)
    services.revoke_token(actor=SYSTEM, token_id=token.id)
    refused("accounts_apitoken_is_immutable", "UPDATE accounts_apitoken SET revoked_at = NULL WHERE id = %s", token.id)


def test_a_token_expires_after_it_was_made(vendor):
    lister = factories.member(vendor, Role.LISTER)
    token = ApiToken(membership=lister, name="x", prefix="abcdefghijkl", digest=b"0" * 32, scopes=["account:read"])
    token.expires_at = token.created_at - datetime.timedelta(seconds=1)
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        token.save(force_insert=True)
    assert violated_constraint(error.value) == "api_token_expires_after_creation"
