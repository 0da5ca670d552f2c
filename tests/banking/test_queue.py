"""What leaves a doubt waits until an operator says what it was, once and with a reason."""

import pytest
from django.db import IntegrityError, connection, transaction

from market.audit.models import AuditEvent
from market.banking import services
from market.banking.models import BankLine
from market.banking.states import Doubt, LineState
from market.kernel.errors import BusinessError, Forbidden, IllegalTransition, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from market.ledger import jobs
from market.ledger.errors import AlreadyPosted
from market.ledger.models import Account, Transfer
from market.ledger.states import AccountKind
from market.outbox.models import Job
from market.settlement.services import confirm_payout, reconcile
from market.settlement.states import PayoutState
from tests import factories
from tests.banking.messages import Entry
from tests.banking.money import code_of, imported, line_of, sent_payout, state_of, wallet
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
WHY = "The buyer sent us the slip."


@pytest.fixture
def operator(market):
    return factories.actor_of(market.operator)


def waiting(amount: int = 5_000, text: str = "Invoice 17", **more) -> BankLine:
    entry = Entry(amount, text, **more)
    imported([entry])
    line = line_of(entry)
    assert line.state == LineState.WAITING
    return line


def test_a_credit_is_given_to_a_buyer(market, operator):
    line, before = waiting(), wallet(market)
    services.assign_to_buyer(actor=operator, line_id=line.id, code=f" {code_of(market).lower()} ", reason=WHY)
    line.refresh_from_db()
    assert (line.state, line.buyer_org_id, line.reason) == (LineState.DEPOSITED, market.buyer.id, WHY)
    assert (line.doubt, line.decided_by_id) == (Doubt.NO_CODE, market.operator.user_id)
    assert wallet(market) == before + 5_000
    assert Transfer.objects.get(subject_id=line.id).business_key == f"deposit:{line.bank_reference}"
    assert Job.objects.filter(kind=jobs.DEPOSITED, subject_id=market.buyer.id).exists()
    proof = AuditEvent.objects.get(name="bank_line.deposited")
    assert (proof.payload["reason"], proof.actor_user_id) == (WHY, market.operator.user_id)
    assert AuditEvent.objects.get(name="deposit.confirmed", payload__reference=line.bank_reference)
    assert reconcile().is_clean


def test_a_debit_is_a_payouts(market, operator):
    payout = sent_payout(market)
    line = waiting(-payout.amount, "our payment")
    services.assign_to_payout(actor=operator, line_id=line.id, reference=payout.reference, reason=WHY)
    payout.refresh_from_db()
    assert (payout.state, line_of(line).state) == (PayoutState.CONFIRMED, LineState.CONFIRMED)


def test_a_debit_may_belong_to_a_payout_confirmed_by_hand(market, operator):
    payout = sent_payout(market)
    confirm_payout(actor=operator, payout_id=payout.id)
    line, another = waiting(-payout.amount, "our payment"), waiting(-payout.amount, "our payment")
    services.assign_to_payout(actor=operator, line_id=line.id, reference=payout.reference, reason=WHY)
    assert line_of(line).state == LineState.CONFIRMED
    with pytest.raises(InvalidInput, match="not valid"):
        services.assign_to_payout(actor=operator, line_id=another.id, reference=payout.reference, reason=WHY)
    assert line_of(another).state == LineState.WAITING


def test_a_credit_is_a_payout_that_came_back(market, operator):
    payout = sent_payout(market)
    line = waiting(payout.amount, f"Rückgabe {payout.reference}")
    assert line.doubt == Doubt.NOT_MARKED
    services.assign_to_payout(actor=operator, line_id=line.id, reference=payout.reference, reason=WHY)
    payout.refresh_from_db()
    assert (payout.state, payout.bounce_reason) == (PayoutState.BOUNCED, WHY)
    assert factories.balance(market.vendor, AccountKind.PAYABLE) == payout.amount
    assert reconcile().is_clean


def test_money_goes_back_to_its_sender_and_the_statement_closes_that(market, operator):
    line = waiting()
    reference = services.return_to_sender(actor=operator, line_id=line.id, reason=WHY)
    line.refresh_from_db()
    assert (line.state, line.return_reference) == (LineState.RETURNED, reference)
    assert len(reference) <= 35
    wrong, right, again = (Entry(amount, end_to_end_id=reference) for amount in (-4_999, -5_000, -5_000))
    before = Transfer.objects.count()
    imported([wrong, right, again])
    assert state_of(wrong) == (LineState.WAITING, Doubt.AMOUNT)
    assert state_of(right)[0] == LineState.RETURN_PAID
    assert state_of(again) == (LineState.WAITING, Doubt.NOT_SENT)
    assert Transfer.objects.count() == before


def test_the_banks_fee_is_set_aside(market, operator):
    line, before = waiting(-50, "fee"), Transfer.objects.count()
    services.set_aside(actor=operator, line_id=line.id, reason="The bank's fee.")
    assert (line_of(line).state, Transfer.objects.count()) == (LineState.SET_ASIDE, before)
    assert AuditEvent.objects.get(name="bank_line.set_aside").payload["amount"] == 50


ACTS = {
    "assign_to_buyer": lambda market, payout: {"code": code_of(market)},
    "assign_to_payout": lambda market, payout: {"reference": payout.reference},
    "return_to_sender": lambda market, payout: {},
    "set_aside": lambda market, payout: {},
}


@pytest.mark.parametrize("name", ACTS)
class TestRefusals:
    def refused(self, error: type[BusinessError], name: str, **arguments) -> BusinessError:
        before = fingerprint()
        with pytest.raises(error) as refusal:
            getattr(services, name)(**arguments)
        assert changed(before) == []
        return refusal.value

    def test_each_act_needs_a_reason_a_treasurer_and_a_line(self, market, operator, name):
        payout = sent_payout(market)
        line = waiting(payout.amount, payout.reference)
        more = ACTS[name](market, payout) | {"line_id": line.id}
        for reason in ("", "  ", "x" * 2001):
            self.refused(InvalidInput, name, actor=operator, reason=reason, **more)
        for member in (market.purchaser, market.vendor_finance, market.auditor):
            self.refused(Forbidden, name, actor=factories.actor_of(member), reason=WHY, **more)
        self.refused(NotFound, name, actor=operator, reason=WHY, **(more | {"line_id": uuid7()}))

    def test_what_has_been_decided_stays_decided(self, market, operator, name):
        payout = sent_payout(market)
        line = waiting(payout.amount, payout.reference)
        more = ACTS[name](market, payout)
        services.set_aside(actor=operator, line_id=line.id, reason=WHY)
        refusal = self.refused(IllegalTransition, name, actor=operator, line_id=line.id, reason=WHY, **more)
        assert refusal.extra["state"] == LineState.SET_ASIDE


def test_answers_that_fit_nothing(market, operator):
    line, payout = waiting(), sent_payout(market)
    debit = waiting(-50, "fee")
    before = fingerprint()
    wrong = code_of(market)[:-1] + "0" if code_of(market)[-1] != "0" else "QS000000000"
    for code in ("", "QS", wrong, "QS000000000"):
        with pytest.raises(InvalidInput):
            services.assign_to_buyer(actor=operator, line_id=line.id, code=code, reason=WHY)
    for reference in ("", "QS1", payout.reference):  # the last one's amount is another
        with pytest.raises(InvalidInput):
            services.assign_to_payout(actor=operator, line_id=line.id, reference=reference, reason=WHY)
    for act in (services.assign_to_buyer, services.return_to_sender):
        more = {"code": code_of(market)} if act is services.assign_to_buyer else {}
        with pytest.raises(InvalidInput):
            act(actor=operator, line_id=debit.id, reason=WHY, **more)
    assert changed(before) == []


def test_what_was_booked_by_hand_cannot_be_booked_again(market, operator):
    line = waiting()
    bank = Account.objects.get(kind=AccountKind.BANK)
    by_hand = {"actor": operator, "organization": market.buyer, "bank": bank, "amount": 5_000}
    factories.ledger.deposit(**by_hand, reference=line.bank_reference)
    before = fingerprint()
    with pytest.raises(AlreadyPosted):
        services.assign_to_buyer(actor=operator, line_id=line.id, code=code_of(market), reason=WHY)
    assert changed(before) == []


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE banking_bankline SET amount = amount + 1", "banking_bankline_is_immutable"),
        ("UPDATE banking_bankline SET state = 'set_aside', amount = 1, reason = 'x'", "banking_bankline_is_immutable"),
        ("UPDATE banking_bankline SET reason = 'x'", "banking_bankline_is_immutable"),
        ("DELETE FROM banking_bankline", "banking_bankline_is_immutable"),
        ("UPDATE banking_bankline SET state = 'set_aside', decided_at = now()", "bank_line_state_tells_the_rest"),
        ("UPDATE banking_bankline SET state = 'deposited', decided_at = now()", "bank_line_state_tells_the_rest"),
        ("UPDATE banking_bankline SET state = 'confirmed', decided_at = now()", "bank_line_state_tells_the_rest"),
        ("UPDATE banking_bankstatement SET closing = closing + 1", "banking_bankstatement_is_immutable"),
        ("DELETE FROM banking_bankstatement", "banking_bankstatement_is_immutable"),
        (
            "INSERT INTO banking_bankline SELECT (jsonb_populate_record(line, jsonb_build_object("
            "'id', gen_random_uuid()))).* FROM banking_bankline AS line",
            "bank_line_once",
        ),
        (
            "INSERT INTO banking_bankstatement SELECT (jsonb_populate_record(one, jsonb_build_object("
            "'id', gen_random_uuid(), 'statement_id', 'other', 'closing', closing + 1))).*"
            " FROM banking_bankstatement AS one",
            "bank_statement_adds_up",
        ),
    ],
)
def test_the_database_refuses(market, sql, constraint):
    waiting()
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert refused.value.__cause__.diag.constraint_name == constraint


def test_a_decided_line_is_closed_for_the_database_too(market, operator):
    line = waiting()
    services.set_aside(actor=operator, line_id=line.id, reason=WHY)
    with pytest.raises(IntegrityError), transaction.atomic():
        BankLine.objects.filter(id=line.id).update(state=LineState.WAITING)
