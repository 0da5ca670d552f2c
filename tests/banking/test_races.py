"""The same money told twice at the same moment: first what happens without the guards, then that they hold."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import reverse

from accounts.models import Organization
from market.banking import services
from market.banking.models import BankLine, BankStatement
from market.banking.services import import_statement
from market.banking.services.queue import _decide
from market.banking.states import LineState
from market.kernel.actors import SYSTEM
from market.kernel.database import deadlock_refused
from market.kernel.errors import BusinessError, Contended, IllegalTransition, InvalidInput
from market.kernel.identifiers import uuid7
from market.kernel.locks import lock_in_order
from market.ledger.models import Account, Transfer
from market.ledger.services import insert_transfers_of, posting
from market.ledger.states import AccountKind, TransferKind
from market.settlement.models import Payout
from market.settlement.services import confirm_payout, reconcile, send_payout
from market.settlement.services.payouts import lock_payables
from market.settlement.states import PayoutState
from tests import factories
from tests.banking.messages import Entry, document, message, one_statement
from tests.banking.money import code_of, imported, line_of, sent_payout, wallet
from tests.concurrency.together import InBackground, blocked_backends, together

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 4


def test_looking_first_books_the_same_line_many_times(market):
    before, meeting = wallet(market), threading.Barrier(AT_ONCE)
    bank = Account.objects.get(kind=AccountKind.BANK)
    purse = Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET)

    def naive() -> None:
        seen = BankLine.objects.filter(bank_reference="B1").exists()
        meeting.wait(timeout=30)
        if not seen:
            row = {"id": uuid7(), "bank": bank.id, "wallet": purse.id, "key": f"naive:{uuid7()}"}
            with posting(), transaction.atomic():
                insert_transfers_of(
                    "SELECT %(id)s::uuid AS id, %(bank)s::uuid AS debit_account_id, %(wallet)s::uuid AS"
                    " credit_account_id, 500::bigint AS amount, 'CNY' AS currency, %(id)s::uuid AS subject_id,"
                    " %(key)s AS business_key",
                    row,
                    kind=TransferKind.DEPOSIT,
                    subject_type="bankline",
                )

    together([naive] * AT_ONCE)
    assert wallet(market) == before + AT_ONCE * 500


def test_the_same_statement_at_once_is_imported_once(market):
    payout, before = sent_payout(market), wallet(market)
    entries = [Entry(500 + number, code_of(market)) for number in range(20)]
    entries += [
        Entry(-payout.amount, end_to_end_id=payout.reference),
        Entry(payout.amount, end_to_end_id=payout.reference, return_code="AC04"),
    ]
    file = document(one_statement(entries))
    found = together([lambda: import_statement(actor=SYSTEM, file=io.BytesIO(file))] * AT_ONCE)
    assert not [each for each in found if isinstance(each, Exception)], found
    assert sorted(each.new for each in found) == [0] * (AT_ONCE - 1) + [22]
    assert (BankStatement.objects.count(), BankLine.objects.count()) == (1, 22)
    assert wallet(market) == before + sum(entry.amount for entry in entries[:20])
    payout.refresh_from_db()
    assert payout.state == PayoutState.BOUNCED
    assert factories.balance(market.vendor, AccountKind.PAYABLE) == payout.amount
    assert reconcile().is_clean


def test_overlapping_statements_at_once_count_each_line_once(market):
    before, code = wallet(market), code_of(market)
    entries = [Entry(100 + number, code) for number in range(40)]
    # Each file in another order, so that one that locked as it went would meet the other half-way.
    parts = [entries[:30], entries[10:][::-1], entries[5:35], entries[::-1]]
    files = [document(one_statement(part)) for part in parts]
    found = together([lambda file=file: import_statement(actor=SYSTEM, file=io.BytesIO(file)) for file in files])
    assert not [each for each in found if isinstance(each, Exception)], found
    assert sum(each.new for each in found) == BankLine.objects.count() == 40
    assert wallet(market) == before + sum(entry.amount for entry in entries)
    assert reconcile().is_clean


def test_two_operators_decide_one_line_once(market):
    operator = factories.actor_of(market.operator)
    entry, before = Entry(5_000, "?"), wallet(market)
    imported([entry])
    line, code = line_of(entry), code_of(market)
    give = {"actor": operator, "line_id": line.id, "reason": "The slip."}
    outcomes = together(
        [lambda: services.assign_to_buyer(code=code, **give), lambda: services.return_to_sender(**give)] * 3
    )
    refused = [each for each in outcomes if isinstance(each, Exception)]
    assert len(refused) == 5 and all(isinstance(each, IllegalTransition) for each in refused), outcomes
    line.refresh_from_db()
    given = 5_000 if line.state == LineState.DEPOSITED else 0
    assert wallet(market) == before + given
    assert Transfer.objects.filter(subject_id=line.id).count() == (1 if given else 0)


def test_an_import_and_the_same_deposit_by_hand(market):
    bank, before = Account.objects.get(kind=AccountKind.BANK), wallet(market)
    entry = Entry(500, code_of(market))
    file = document(one_statement([entry]))
    by_hand = {"actor": SYSTEM, "organization": market.buyer, "bank": bank, "amount": 500}
    outcomes = together(
        [
            lambda: import_statement(actor=SYSTEM, file=io.BytesIO(file)),
            lambda: factories.ledger.deposit(**by_hand, reference=entry.reference),
        ]
    )
    assert all(isinstance(each, BusinessError) for each in outcomes if isinstance(each, Exception)), outcomes
    assert wallet(market) == before + 500
    assert Transfer.objects.filter(business_key=f"deposit:{entry.reference}").count() == 1


# --- The order of locks -----------------------------------------------------------------------------------------------


def crosswise(payout: Payout, other: Callable[[], Any], mine: Callable[[], Any], wait_until) -> tuple[Any, Any]:
    """What comes of ``other`` when it finds the payout locked, and of ``mine``, by which the holder then goes on."""
    with transaction.atomic():
        list(lock_in_order(Payout.objects.filter(id=payout.id)))
        background = InBackground(other)
        wait_until(blocked_backends)
        try:
            with deadlock_refused(), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '10ms'")
                outcome = mine()
        except BusinessError as refusal:
            outcome = refusal
    return background.wait(), outcome


def test_a_payment_file_meets_a_payment_by_hand(market, client, wait_until):
    client.force_login(market.operator.user)
    payout = waiting_payout(market)
    address = reverse("operator:settlement_payout_act", args=[payout.id, "send"])

    def payables_first() -> None:
        with transaction.atomic():
            lock_payables([market.vendor.id])
            send_payout(actor=SYSTEM, payout_id=payout.id)

    other, page = crosswise(payout, payables_first, lambda: client.post(address, {"confirmed": "yes"}), wait_until)
    assert other is None and page.status_code == 200
    assert "Repeat the request in a moment." in page.content.decode(), "and the form is there to do so"

    payout = waiting_payout(market)
    file, sent = crosswise(
        payout,
        lambda: services.make_payment_file(actor=SYSTEM, cutoff=payout.batch.cutoff),
        lambda: send_payout(actor=SYSTEM, payout_id=payout.id),
        wait_until,
    )
    assert sent is None and (file.payment_count, file.total) == (1, payout.amount)
    assert factories.balance(market.vendor, AccountKind.PAYABLE) == 0
    assert reconcile().is_clean


def waiting_payout(market: factories.Market) -> Payout:
    """A payout that waited for a bank account, which is there now."""
    vendor = Organization.objects.filter(id=market.vendor.id)
    vendor.update(bank_account="")
    payout = sent_payout(market)
    vendor.update(bank_account="6222021234567890123")
    return payout


def test_an_import_meets_an_operators_word_on_the_same_payout(market, wait_until):
    operator = factories.actor_of(market.operator)
    for is_naive in (True, False):
        payout, entry = sent_payout(market), Entry(-8_934, "?")
        imported([entry])
        line = line_of(entry)

        def line_first(line=line, payout=payout) -> None:
            with transaction.atomic():
                _decide(operator, line, LineState.CONFIRMED, "The slip.", payout=payout)
                confirm_payout(actor=operator, payout_id=payout.id)

        def by_hand(line=line, payout=payout) -> None:
            given = {"line_id": line.id, "reference": payout.reference, "reason": "The slip."}
            services.assign_to_payout(actor=operator, **given)

        file = message([Entry(-payout.amount, end_to_end_id=payout.reference)])
        other, own = crosswise(
            payout,
            line_first if is_naive else by_hand,
            lambda file=file: import_statement(actor=SYSTEM, file=file),
            wait_until,
        )
        payout.refresh_from_db()
        assert payout.state == PayoutState.CONFIRMED
        if is_naive:
            assert other is None and isinstance(own, Contended)
        else:
            assert isinstance(other, InvalidInput) and own.by_state == {"confirmed": 1}
            assert line_of(entry).state == LineState.WAITING
