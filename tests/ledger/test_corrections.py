"""Corrections: one person proposes, another approves, the transfer is posted once, and nothing is ever changed."""

import threading

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.urls import reverse

from accounts.states import Role
from market.audit.models import AuditEvent
from market.kernel.actors import SYSTEM
from market.kernel.database import violated_constraint
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound, SamePerson
from market.kernel.identifiers import uuid7
from market.ledger.errors import AlreadyPosted, AlreadyReversed, InsufficientFunds, NotReversible
from market.ledger.models import Correction, Transfer
from market.ledger.services import (
    approve_correction,
    decline_correction,
    propose_adjustment,
    propose_reversal,
)
from market.ledger.states import AccountKind, CorrectionState
from tests import factories, trades
from tests.settlement.trades import account_of

REASON = "It was another buyer's."


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market(funds=50_000)


@pytest.fixture
def colleague(market):
    return factories.member(market.operator.organization, Role.FINANCE)


def deposit_of(market: factories.Market) -> Transfer:
    return Transfer.objects.get(kind="deposit")


def proposed(market: factories.Market) -> Correction:
    actor = factories.actor_of(market.operator)
    return propose_reversal(actor=actor, transfer_id=deposit_of(market).id, reason=REASON)


def test_a_reversal_is_posted_once_by_two_people_and_proved(market, colleague):
    correction = proposed(market)
    operator, other = factories.actor_of(market.operator), factories.actor_of(colleague)
    with pytest.raises(SamePerson):
        approve_correction(actor=operator, correction_id=correction.id)
    with pytest.raises(AlreadyReversed):
        proposed(market)
    assert factories.balance(market.buyer, AccountKind.WALLET) == 50_000
    moved = approve_correction(actor=other, correction_id=correction.id)
    original = deposit_of(market)
    assert (moved.debit_account_id, moved.credit_account_id) == (original.credit_account_id, original.debit_account_id)
    assert factories.balance(market.buyer, AccountKind.WALLET) == 0
    for act in (approve_correction, decline_correction):
        with pytest.raises(IllegalTransition):
            act(actor=other, correction_id=correction.id)
    with pytest.raises(AlreadyReversed):
        proposed(market)
    proofs = AuditEvent.objects.filter(subject_id=correction.id).order_by("id")
    assert [(proof.name, proof.actor_user_id) for proof in proofs] == [
        ("correction.proposed", market.operator.user_id),
        ("correction.approved", colleague.user_id),
    ]
    assert Transfer.objects.count() == 2
    # A correction is corrected like anything else.
    back = propose_reversal(actor=other, transfer_id=moved.id, reason="It was right after all.")
    approve_correction(actor=operator, correction_id=back.id)
    assert factories.balance(market.buyer, AccountKind.WALLET) == 50_000


def test_what_the_wallet_no_longer_holds_stays_proposed(market, colleague):
    correction = proposed(market)
    trades.place(market)
    with pytest.raises(InsufficientFunds):
        approve_correction(actor=factories.actor_of(colleague), correction_id=correction.id)
    correction.refresh_from_db()
    assert (correction.state, correction.decided_by) == (CorrectionState.PROPOSED, None)
    decline_correction(actor=factories.actor_of(market.operator), correction_id=correction.id)
    assert proposed(market).state == CorrectionState.PROPOSED
    assert not Transfer.objects.filter(kind="correction").exists()


def test_money_of_a_trade_is_not_reversed_by_itself(market):
    trades.place(market)
    escrowed = Transfer.objects.get(kind="escrow")
    with pytest.raises(NotReversible):
        propose_reversal(actor=factories.actor_of(market.operator), transfer_id=escrowed.id, reason=REASON)
    assert not Correction.objects.exists()


def test_only_persons_of_the_exchange_may(market):
    original = deposit_of(market)
    for actor in (factories.actor_of(market.vendor_finance), factories.actor_of(market.auditor), SYSTEM):
        with pytest.raises(Forbidden):
            propose_reversal(actor=actor, transfer_id=original.id, reason=REASON)
    correction = proposed(market)
    for act in (approve_correction, decline_correction):
        with pytest.raises(Forbidden):
            act(actor=factories.actor_of(market.vendor_finance), correction_id=correction.id)
        with pytest.raises(NotFound):
            act(actor=factories.actor_of(market.operator), correction_id=uuid7())


def test_an_adjustment_that_cannot_be_is_refused_by_field(market):
    wallet, escrow = (account_of(market.buyer, kind).id for kind in (AccountKind.WALLET, AccountKind.ESCROW))
    bank = account_of(market.operator.organization, AccountKind.BANK).id
    for (debit, credit, amount, reason), pointer in {
        (escrow, wallet, 1, REASON): "/debit_account",
        (bank, uuid7(), 1, REASON): "/credit_account",
        (bank, bank, 1, REASON): "/credit_account",
        (bank, wallet, 0, REASON): "/amount",
        (bank, wallet, 1, " "): "/reason",
    }.items():
        with pytest.raises(InvalidInput) as refusal:
            propose_adjustment(
                actor=factories.actor_of(market.operator),
                debit_id=debit,
                credit_id=credit,
                amount=amount,
                reason=reason,
            )
        assert list(refusal.value.errors) == [pointer]
    assert not Correction.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_correction SET amount = 1",
        "UPDATE ledger_correction SET state = 'approved'",
        "UPDATE ledger_correction SET state = 'approved', decided_at = now(), decided_by_id = proposed_by_id",
        "DELETE FROM ledger_correction",
        "INSERT INTO ledger_correction SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(),"
        " 'amount', 1, 'reverses_id', reverses_id))).* FROM ledger_correction c",
    ],
)
def test_the_database_refuses_too(market, statement):
    proposed(market)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_no_correction_is_posted_that_nobody_has_approved(market):
    """Not by whatever statement, and not another amount than was agreed to."""
    correction = proposed(market)
    posted = """
        INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind,
                                     subject_type, subject_id, business_key, posted_at)
        SELECT gen_random_uuid(), gen_random_uuid(), debit_account_id, credit_account_id, amount - %s, currency,
               'correction', 'correction', id, 'correction:' || id, now()
          FROM ledger_correction
    """

    def refused(less: int) -> bool:
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(posted, [less])
        return violated_constraint(error.value) == "ledger_correction_approved"

    assert refused(0)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_correction SET state = 'approved', decided_at = now(), decided_by_id = %s",
            [market.lister.user_id],
        )
        assert refused(1)
        cursor.execute(posted, [0])
    assert Transfer.objects.get(kind="correction").amount == correction.amount


def approved_at_once(market: factories.Market, colleagues: list) -> list[str]:
    """What became of several approvals of one correction at the same moment."""
    correction, barrier, outcomes = proposed(market), threading.Barrier(len(colleagues)), []

    def approve(actor) -> None:
        try:
            barrier.wait(10)
            approve_correction(actor=actor, correction_id=correction.id)
            outcomes.append("posted")
        except (IllegalTransition, AlreadyPosted, IntegrityError) as error:
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=[factories.actor_of(one)]) for one in colleagues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_of_two_approvals_at_once_one_posts():
    market = factories.market(funds=50_000)
    colleagues = [factories.member(market.operator.organization, Role.FINANCE) for _number in range(2)]
    assert approved_at_once(market, colleagues) == ["IllegalTransition", "posted"]
    assert factories.balance(market.buyer, AccountKind.WALLET) == 0
    assert Transfer.objects.filter(kind="correction").count() == 1


def test_the_pages_lead_to_it(client, market, colleague):
    original = deposit_of(market)
    client.force_login(market.operator.user)
    page = reverse("operator:ledger_transfer_act", args=[original.id, "reverse"])
    assert client.post(page, {"reason": REASON}).status_code == 302
    correction = Correction.objects.get()
    page = reverse("operator:ledger_correction_change", args=[correction.id])
    approve = reverse("operator:ledger_correction_act", args=[correction.id, "approve"])
    assert approve not in client.get(page).content.decode()
    assert client.post(approve, {"confirmed": "yes"}).status_code == 404
    client.force_login(colleague.user)
    assert approve in client.get(page).content.decode()
    assert client.post(approve, {"confirmed": "yes"}).status_code == 302
    assert factories.balance(market.buyer, AccountKind.WALLET) == 0
    bank, wallet = account_of(market.operator.organization, "bank"), account_of(market.buyer, "wallet")
    form = {"debit_account": bank.id, "credit_account": wallet.id, "yuan": "12.50", "reason": REASON}
    add = reverse("operator:ledger_correction_add")
    assert client.get(add).status_code == 200
    choices = {"app_label": "ledger", "model_name": "correction", "field_name": "debit_account"}
    offered = client.get(reverse("operator:autocomplete"), choices | {"term": market.buyer.name}).json()["results"]
    assert {choice["text"] for choice in offered} >= {f"{market.buyer.name}: wallet CNY"}
    assert "between two accounts" in client.post(add, form | {"credit_account": bank.id}).content.decode()
    assert client.post(add, form).status_code == 302
    assert Correction.objects.get(reverses=None).amount == 1_250
    listed = client.get(reverse("operator:ledger_correction_changelist")).content.decode()
    assert "12.50" in listed
    client.force_login(market.auditor.user)
    assert client.get(reverse("auditor:ledger_correction_change", args=[correction.id])).status_code == 200
