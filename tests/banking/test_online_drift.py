"""An online payment and its deposit that do not agree are found."""

import pytest
from django.db import transaction

from market.banking.models import OnlinePayment
from market.banking.selectors import provider_account
from market.banking.states import OnlineDoubt, OnlineState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.models import Account, Transfer
from market.ledger.services import deposit
from tests import factories
from tests.settlement.corruption import corrupt, drifted

AMOUNT = 500_000
DRIFTS = (
    "UPDATE banking_onlinepayment SET amount = amount + 1",
    "UPDATE banking_onlinepayment SET state = 'set_aside'",
    "UPDATE banking_onlinepayment SET buyer_org_id = %(other)s",
    "UPDATE ledger_transfer SET credit_account_id = %(wallet)s WHERE id = %(deposit)s",
    "UPDATE ledger_transfer SET kind = 'release' WHERE id = %(deposit)s",
    "UPDATE ledger_transfer SET subject_id = gen_random_uuid() WHERE id = %(deposit)s",
    "DELETE FROM ledger_transfer WHERE id = %(deposit)s",
    "INSERT INTO ledger_transfer SELECT again.* FROM ledger_transfer posted, jsonb_populate_record(posted,"
    " jsonb_build_object('id', gen_random_uuid(), 'business_key', 'twice')) again WHERE posted.id = %(deposit)s",
    "DELETE FROM banking_onlinepayment",
)


@pytest.mark.django_db
def test_a_payment_has_one_deposit_of_its_amount_in_its_buyers_wallet(market):
    payment = OnlinePayment.objects.create(
        provider="stripe", transaction_id="pi_1", reference="ours", amount=AMOUNT, currency="CNY",
        buyer_org=market.buyer, state=OnlineState.DEPOSITED, doubt=OnlineDoubt.UNKNOWN, reason="By telephone.",
        decided_at=clock.now(),
    )  # fmt: skip
    deposit(
        actor=SYSTEM, organization=market.buyer, bank=provider_account("CNY"), amount=AMOUNT,
        reference="stripe:pi_1", subject=("onlinepayment", payment.id),
    )  # fmt: skip
    assert drifted() == {}
    posted, other = Transfer.objects.get(subject_id=payment.id), factories.organization("buyer")
    wallet = Account.objects.get(organization=other, kind="wallet")
    for how in DRIFTS:
        with transaction.atomic():
            corrupt(how, other=other.id, wallet=wallet.id, deposit=posted.id)
            found = drifted().get("online", set())
            assert (str(payment.id) in found) if "subject_id" not in how else len(found) == 2, how
            transaction.set_rollback(True)
    assert drifted() == {}
