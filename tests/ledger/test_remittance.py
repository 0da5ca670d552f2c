"""The code on a payment: it survives what banks and people do to it, and a slip of the pen is noticed."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.states import Capacity
from accounts.uscc import ALPHABET
from market.ledger import services
from market.ledger.models import Account
from market.ledger.remittance import BODY, check_character, is_valid, new_code, written_in
from market.ledger.states import AccountKind
from tests import factories

CODE = "QSK7MP3XQ4G"
bodies = st.text(ALPHABET, min_size=BODY, max_size=BODY)


@given(bodies, st.integers(0, BODY), st.sampled_from(ALPHABET))
def test_every_wrong_character_is_noticed(body, place, wrong):
    code = f"QS{body}{check_character(body)}"
    assert is_valid(code)
    changed = code[: 2 + place] + wrong + code[3 + place :]
    assert is_valid(changed) is (changed == code)


@given(bodies, st.integers(0, BODY), st.integers(0, BODY))
def test_every_exchange_of_two_characters_is_noticed(body, one, other):
    code = list(f"QS{body}{check_character(body)}")
    changed = code.copy()
    changed[2 + one], changed[2 + other] = code[2 + other], code[2 + one]
    assert is_valid("".join(changed)) is (changed == code)


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        "qsk7mp3xq4g",
        "QS K7MP 3XQ4 G",
        "QS-K7MP-3XQ4-G",
        "货款 QSK7MP3XQ4G 三月",
        "货款：ＱＳＫ７ＭＰ３ＸＱ４Ｇ。",
        "INV 17 QSK7MP3\nXQ4G",
        "QSK7MP3XQ4G again QSK7MP3XQ4G",
    ],
)
def test_it_is_found_in_what_people_and_banks_write(text):
    assert written_in(text) == ({CODE}, False)


@pytest.mark.parametrize(
    ("text", "looks_like_one"),
    [
        ("", False),
        ("Invoice 17", False),
        ("QSK7MP3XQ4", False),  # too short
        ("XQSK7MP3XQ4G", False),  # part of something else
        ("QSK7MP3XQ4G5", False),
        ("QS20261123ABCDEFGHIJKLM", False),  # a payout's reference
        ("QSK7MP3XQ4U", True),  # the check character is wrong
        ("QSK7MP3XO4G", True),  # the letter O
    ],
)
def test_what_is_no_code_is_not_taken_for_one(text, looks_like_one):
    assert written_in(text) == (set(), looks_like_one)


def test_two_codes_are_both_told():
    other = new_code()
    assert written_in(f"{CODE} or {other}") == ({CODE, other}, False)


@pytest.mark.django_db
class TestWallets:
    def test_each_has_a_code_of_its_own_and_keeps_it(self):
        buyers = [factories.organization(Capacity.BUYER) for _ in range(5)]
        codes = dict(Account.objects.filter(kind=AccountKind.WALLET).values_list("organization_id", "remittance_code"))
        assert len(set(codes.values())) == len(buyers) and all(map(is_valid, codes.values()))
        services.open_accounts(organizations=buyers)
        assert codes == dict(Account.objects.filter(kind="wallet").values_list("organization_id", "remittance_code"))

    def test_other_accounts_have_none(self):
        factories.market(funds=0)
        assert not Account.objects.exclude(kind=AccountKind.WALLET).exclude(remittance_code=None).exists()

    @pytest.mark.parametrize(
        ("sql", "constraint"),
        [
            ("UPDATE ledger_account SET remittance_code = 'QS000000000'", "ledger_account_is_guarded"),
            (
                "INSERT INTO ledger_account (id, organization_id, kind, currency, balance, version, created_at)"
                " SELECT gen_random_uuid(), organization_id, kind, 'USD', 0, 0, now() FROM ledger_account"
                " WHERE kind = 'wallet'",
                "ledger_account_wallet_has_code",
            ),
        ],
    )
    def test_the_database_refuses(self, sql, constraint):
        factories.organization(Capacity.BUYER)
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
        assert refused.value.__cause__.diag.constraint_name == constraint

    def test_it_is_printed_on_the_balances_and_in_the_workspace(self, client):
        market = factories.market()
        code = Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET).remittance_code
        rows = factories.api_client(market.purchaser).get("/api/v1/balances").json()["results"]
        assert {row["kind"]: row["remittance_code"] for row in rows} == {"wallet": code, "escrow": None}
        client.force_login(market.operator.user)
        page = client.get(reverse("operator:ledger_account_changelist"), {"q": code}).content.decode()
        assert code in page and market.buyer.name in page
