"""Account numbers: nobody reads them out of the tables, keys can be changed, people see the end of them only."""

import json

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts import services as accounts
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState
from market.audit.models import AuditEvent
from market.kernel import encryption
from market.kernel.actors import SYSTEM
from market.settlement.models import Payout
from tests import factories
from tests.settlement.test_payouts import payout_of
from tests.settlement.trades import market_with_fees

NUMBER = "6222021234567890123"


def stored(table: str = "accounts_organization") -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT bank_account FROM {table} WHERE bank_account <> ''")
        return [value for (value,) in cursor.fetchall()]


@given(st.text(max_size=60))
def test_what_goes_in_comes_out(plain):
    assert encryption.decrypt(encryption.encrypt(plain)) == plain


def test_the_same_value_never_looks_the_same():
    assert encryption.encrypt(NUMBER) != encryption.encrypt(NUMBER)
    assert NUMBER not in encryption.encrypt(NUMBER)


@pytest.mark.parametrize(
    ("number", "shown"),
    [(NUMBER, "•••• 0123"), ("6222 0212 3456 789", "•••• 6789"), ("1234", "••••"), ("1", "••••"), ("", "")],
)
def test_shown_are_the_last_four(number, shown):
    assert encryption.masked(number) == shown


def test_a_new_key_in_front_reads_what_the_old_one_wrote(settings):
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.FIELD_ENCRYPTION_KEYS = [old]
    written = encryption.encrypt(NUMBER)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert encryption.decrypt(written) == NUMBER
    assert not encryption.is_current(written) and encryption.is_current(encryption.encrypt(NUMBER))
    settings.FIELD_ENCRYPTION_KEYS = [new]
    with pytest.raises(ImproperlyConfigured, match="old key is missing"):
        encryption.decrypt(written)


def test_the_first_key_reads_what_was_written_without_one(settings):
    settings.FIELD_ENCRYPTION_KEYS = []
    written = encryption.encrypt(NUMBER)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert encryption.decrypt(written) == NUMBER and not encryption.is_current(written)


def test_a_key_that_is_none_is_told(settings):
    settings.FIELD_ENCRYPTION_KEYS = ["short"]
    with pytest.raises(ImproperlyConfigured, match="generate_key"):
        encryption.encrypt(NUMBER)


@pytest.mark.django_db
class TestInTheDatabase:
    def test_the_tables_tell_nobody(self):
        payout = payout_of(market_with_fees(), bank_account=NUMBER)
        assert Payout.objects.get().bank_account == NUMBER
        assert Organization.objects.get(id=payout.vendor_org_id).bank_account == NUMBER
        for table in ("accounts_organization", "settlement_payout"):
            values = stored(table)
            assert values and all(value.startswith(encryption.TOKEN) and NUMBER not in value for value in values)

    def test_keys_are_rotated_by_a_command(self, settings, capsys):
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        settings.FIELD_ENCRYPTION_KEYS = [old]
        payout = payout_of(market_with_fees(), bank_account=NUMBER)
        settings.FIELD_ENCRYPTION_KEYS = [new, old]
        call_command("reencrypt")
        assert "settlement.Payout.bank_account: 1 written anew" in capsys.readouterr().out
        settings.FIELD_ENCRYPTION_KEYS = [new]
        assert Payout.objects.get(id=payout.id).bank_account == NUMBER
        call_command("reencrypt")
        assert "Payout.bank_account: 0 written anew" in capsys.readouterr().out

    def test_what_was_stored_plainly_is_read_and_then_encrypted(self):
        organization = factories.organization(Capacity.VENDOR)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_organization SET bank_account = %s", [NUMBER])
        assert Organization.objects.get(id=organization.id).bank_account == NUMBER
        call_command("reencrypt")
        assert NUMBER not in stored() and Organization.objects.get(id=organization.id).bank_account == NUMBER

    def test_it_is_masked_wherever_it_is_shown(self, client):
        market = market_with_fees()
        payout = payout_of(market, bank_account=NUMBER)
        assert (
            factories.api_client(market.vendor_finance)
            .get("/api/v1/settlement/payouts")
            .json()["results"][0]["bank_account"]
            == "•••• 0123"
        )
        pages = {
            market.operator: ("operator:settlement_payout_change", "operator:accounts_organization_change"),
            market.vendor_finance: ("vendor:settlement_payout_change", "vendor:accounts_organization_change"),
            market.auditor: ("auditor:settlement_payout_change", "auditor:accounts_organization_change"),
        }
        for member, (of_payout, of_organization) in pages.items():
            client.force_login(member.user)
            for name, key in ((of_payout, payout.id), (of_organization, market.vendor.id)):
                page = client.get(reverse(name, args=[key])).content.decode()
                assert "•••• 0123" in page and NUMBER not in page, name
        assert NUMBER not in json.dumps(list(AuditEvent.objects.values_list("payload", flat=True)))

    def test_the_evidence_of_a_change_is_masked(self):
        organization = factories.organization(
            Capacity.VENDOR, bank_account="6222000000001111", state=OrganizationState.PENDING
        )
        accounts.edit_organization(actor=SYSTEM, organization_id=organization.id, bank_account=NUMBER)
        proof = AuditEvent.objects.get(name="organization.edited")
        assert proof.payload["bank_account"] == ["•••• 1111", "•••• 0123"]

    def test_an_operator_changes_it_without_seeing_it(self, client):
        market = market_with_fees()
        Organization.objects.filter(id=market.vendor.id).update(bank_account=NUMBER)
        client.force_login(market.operator.user)
        url = reverse("operator:accounts_organization_change", args=[market.vendor.id])
        form = {"name": "Another name", "region": "贵阳市", "taxpayer_type": "general", "capacities": ["vendor"]}
        assert client.post(url, form | {"bank_account": ""}).status_code == 302
        kept = Organization.objects.get(id=market.vendor.id)
        assert (kept.name, kept.bank_account) == ("Another name", NUMBER)
        # Once it has been verified, its owner asks for another one (tests/accounts/test_bank_accounts.py).
        assert client.post(url, form | {"bank_account": "6222999988887777"}).status_code == 302
        assert Organization.objects.get(id=market.vendor.id).bank_account == NUMBER
        Organization.objects.filter(id=market.vendor.id).update(state=OrganizationState.PENDING)
        assert "8 to 32 digits" in client.post(url, form | {"bank_account": "62x"}).content.decode()
        assert client.post(url, form | {"bank_account": "6222999988887777"}).status_code == 302
        assert Organization.objects.get(id=market.vendor.id).bank_account == "6222999988887777"
