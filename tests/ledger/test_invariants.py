"""Whatever is posted, in whatever order and grouping: the sum is 0 and no guarded balance lies or is negative."""

import itertools

from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.states import Capacity
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.identifiers import uuid7
from market.ledger import services
from market.ledger.errors import InsufficientFunds
from market.ledger.models import Account, Transfer
from market.ledger.selectors import accounts_visible_to
from market.ledger.states import GUARDED, AccountKind, TransferKind
from tests import factories

ACCOUNTS = 9  # two buyers with two each, one vendor with three, one operator with one, one more buyer's wallet
_keys = itertools.count()

legs = st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, ACCOUNTS - 1), st.integers(1, 1_000_000)).filter(
    lambda leg: leg[0] != leg[1]
)
acts = st.lists(st.lists(legs, min_size=1, max_size=4), max_size=25)


class Ledger(TestCase):
    @given(acts=acts)
    @settings(max_examples=30, deadline=None)
    def test_random_postings(self, acts):
        organizations = [
            factories.organization(Capacity.BUYER),
            factories.organization(Capacity.BUYER),
            factories.organization(Capacity.VENDOR),
            factories.organization(Capacity.OPERATOR),
            factories.organization(Capacity.BUYER),
        ]
        found = (
            Account.objects.filter(organization__in=organizations)
            .exclude(kind=AccountKind.RECEIVABLE)
            .order_by("organization_id", "id")
        )
        accounts = list(found)[:ACCOUNTS]
        kinds = [account.kind in GUARDED for account in accounts]
        model = [0] * ACCOUNTS
        posted = 0
        for act in acts:
            after = list(model)
            for debit, credit, amount in act:
                after[debit] -= amount
                after[credit] += amount
            is_possible = all(balance >= 0 for balance, guarded in zip(after, kinds, strict=True) if guarded)
            try:
                with services.posting(), transaction.atomic():
                    insert_together(self.transfer(accounts, *leg) for leg in act)
            except InsufficientFunds as refusal:
                assert not is_possible
                short = [
                    (-(later - now), now)
                    for now, later, guarded in zip(model, after, kinds, strict=True)
                    if guarded and later < 0
                ]
                assert (refusal.extra["needed"], refusal.extra["available"]) in short
            else:
                assert is_possible
                model, posted = after, posted + len(act)
        assert Transfer.objects.count() == posted
        self.compare(accounts, model)

    @staticmethod
    def transfer(accounts, debit, credit, amount):
        return services.transfer(
            debit=accounts[debit].id,
            credit=accounts[credit].id,
            amount=amount,
            kind=TransferKind.ESCROW,
            subject=("test", uuid7()),
            business_key=f"hypothesis:{next(_keys)}",
        )

    @staticmethod
    def compare(accounts, model):
        """The database against the model, and against its own transfers."""
        stated = {account.id: account.amount for account in accounts_visible_to(SYSTEM)}
        assert [stated[account.id] for account in accounts] == model
        assert sum(stated.values()) == 0
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT account.balance, coalesce(sum(leg.amount), 0)
                  FROM ledger_account AS account
                  LEFT JOIN (SELECT debit_account_id AS id, -amount AS amount FROM ledger_transfer
                             UNION ALL SELECT credit_account_id, amount FROM ledger_transfer) AS leg USING (id)
                 WHERE account.balance IS NOT NULL
                 GROUP BY account.id
                """
            )
            assert all(balance == total >= 0 for balance, total in cursor.fetchall())
