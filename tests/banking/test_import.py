"""Statements come in once: matched where they leave no doubt, whole or not at all."""

import io

import pytest

from accounts.models import Organization
from accounts.states import Capacity
from market.audit.models import AuditEvent
from market.banking.errors import UnreadableStatement
from market.banking.models import BankLine, BankStatement
from market.banking.services import import_statement
from market.banking.states import Doubt, LineState
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden
from market.ledger import jobs
from market.ledger.models import Account, Transfer
from market.ledger.remittance import check_character
from market.ledger.states import AccountKind, TransferKind
from market.outbox.models import Job
from market.settlement.models import Payout
from market.settlement.services import bounce_payout, reconcile
from market.settlement.states import PayoutState
from tests import factories
from tests.banking.messages import Entry, document, message, one_statement
from tests.banking.money import code_of, imported, sent_payout, state_of
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("version", ["02", "08"])
class TestMatching:
    def test_a_credit_with_a_code_is_a_deposit(self, market, version):
        before = factories.balance(market.buyer, AccountKind.WALLET)
        entry = Entry(12_345, f"货款 {code_of(market)} 三月")
        found = imported([entry], version=version)
        assert (found.lines, found.new, found.by_state) == (1, 1, {"deposited": 1})
        line = BankLine.objects.get()
        assert (line.state, line.buyer_org_id, line.amount) == (LineState.DEPOSITED, market.buyer.id, 12_345)
        assert (line.party_name, line.party_account) == (entry.name, entry.account)
        assert factories.balance(market.buyer, AccountKind.WALLET) == before + 12_345
        moved = Transfer.objects.get(subject_id=line.id)
        assert (moved.kind, moved.business_key) == (TransferKind.DEPOSIT, f"deposit:{entry.reference}")
        proof = AuditEvent.objects.get(name="deposit.confirmed", subject_id=moved.id)
        assert proof.buyer_org_id == market.buyer.id
        assert (proof.payload["amount"], proof.payload["reference"]) == (12_345, entry.reference)
        (statement,) = found.statements
        assert Job.objects.filter(kind=jobs.DEPOSITED, key=f"{statement.id}:{market.buyer.id}").count() == 1
        assert reconcile().is_clean

    def test_a_debit_with_our_reference_confirms_the_payout(self, market, version):
        payout = sent_payout(market)
        entry = Entry(-payout.amount, end_to_end_id=payout.reference)
        imported([entry], version=version)
        payout.refresh_from_db()
        assert payout.state == PayoutState.CONFIRMED
        assert BankLine.objects.get().payout_id == payout.id
        assert AuditEvent.objects.filter(name="payout.confirmed", subject_id=payout.id).count() == 1
        assert reconcile().is_clean

    def test_a_returned_payment_bounces_with_its_reason(self, market, version):
        payout = sent_payout(market)
        out, back = (
            Entry(-payout.amount, f"Payout {payout.reference}"),
            Entry(payout.amount, end_to_end_id=payout.reference, return_code="AC04"),
        )
        imported([out, back], version=version)
        payout.refresh_from_db()
        assert (payout.state, payout.bounce_reason) == (PayoutState.BOUNCED, "AC04")
        assert (state_of(out)[0], state_of(back)[0]) == (LineState.CONFIRMED, LineState.BOUNCED)
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == payout.amount
        assert Payout.objects.get(state=PayoutState.PENDING).amount == payout.amount
        assert reconcile().is_clean

    def test_what_leaves_a_doubt_waits(self, market, version):
        payout = sent_payout(market)
        code = code_of(market)
        other = Account.objects.get(organization=factories.organization(Capacity.BUYER), kind=AccountKind.WALLET)
        wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
        unknown = f"QS00000000{check_character('00000000')}"
        doubts = {
            Doubt.NO_CODE: Entry(100, "Invoice 17"),
            Doubt.MISSPELT: Entry(100, wrong),
            Doubt.UNKNOWN_CODE: Entry(100, unknown),
            Doubt.SEVERAL: Entry(100, f"{code} {other.remittance_code}"),
            Doubt.UNKNOWN_REFERENCE: Entry(-100, end_to_end_id="QS20260101ABCDEFGHIJKLM"),
            Doubt.AMOUNT: Entry(-payout.amount - 1, end_to_end_id=payout.reference),
            Doubt.NOT_MARKED: Entry(payout.amount, end_to_end_id=payout.reference),
            Doubt.REVERSAL: Entry(-100, code, is_reversal=True),
            Doubt.DETAILS: Entry(100, details=[(60, code), (30, code)]),
        }
        before = factories.balance(market.buyer, AccountKind.WALLET)
        found = imported(list(doubts.values()), version=version)
        assert found.by_state == {"waiting": len(doubts)}
        assert {doubt: state_of(entry)[1] for doubt, entry in doubts.items()} == {doubt: doubt for doubt in doubts}
        assert factories.balance(market.buyer, AccountKind.WALLET) == before
        payout.refresh_from_db()
        assert payout.state == PayoutState.SENT

    def test_an_entry_with_several_transactions_is_several_lines(self, market, version):
        payout, code = sent_payout(market), code_of(market)
        entry = Entry(1_000, details=[(400, code), (600, f"again {code}")])
        debits = Entry(-payout.amount - 5, details=[(-payout.amount, payout.reference), (-5, "fee")])
        found = imported([entry, debits], version=version)
        assert found.by_state == {"deposited": 2, "confirmed": 1, "waiting": 1}
        lines = BankLine.objects.filter(entry=1).order_by("detail")
        assert [(line.detail, line.amount) for line in lines] == [(1, 400), (2, 600)]
        assert [line.bank_reference for line in lines] == [f"{entry.reference}/1", f"{entry.reference}/2"]


class TestOnceOnly:
    def test_the_same_file_again_changes_nothing(self, market):
        payout = sent_payout(market)
        entries = [
            Entry(500, code_of(market)),
            Entry(700, "nobody's"),
            Entry(-payout.amount, end_to_end_id=payout.reference),
            Entry(payout.amount, end_to_end_id=payout.reference, return_code="AC01"),
        ]
        first = imported(entries, statement_id="S1")
        before = fingerprint()
        again = imported(entries, statement_id="S1")
        assert changed(before) == []
        assert (first.new, again.new, again.lines) == (4, 0, 4)
        assert again.statements[0].id == first.statements[0].id

    def test_of_overlapping_files_only_the_new_lines_count(self, market):
        code = code_of(market)
        entries = [Entry(100 + number, code) for number in range(4)]
        imported(entries[:3])
        balance = factories.balance(market.buyer, AccountKind.WALLET)
        found = imported(entries[1:], opening=100_100)
        assert (found.lines, found.new) == (3, 1)
        assert factories.balance(market.buyer, AccountKind.WALLET) == balance + 103
        assert BankLine.objects.count() == 4 and BankStatement.objects.count() == 2

    def test_what_was_booked_by_hand_is_not_booked_again(self, market):
        entry = Entry(500, code_of(market))
        bank = Account.objects.get(kind=AccountKind.BANK)
        from_hand = {"actor": SYSTEM, "organization": market.buyer, "bank": bank, "amount": 500}
        factories.ledger.deposit(**from_hand, reference=entry.reference)
        before = Transfer.objects.count()
        imported([entry])
        assert state_of(entry) == (LineState.WAITING, Doubt.ALREADY_POSTED)
        assert Transfer.objects.count() == before

    def test_a_payout_is_confirmed_by_one_line(self, market):
        payout = sent_payout(market)
        first, second = (Entry(-payout.amount, end_to_end_id=payout.reference) for _ in range(2))
        later = Entry(-payout.amount, end_to_end_id=payout.reference)
        imported([first, second])
        imported([later])
        assert state_of(first)[0] == LineState.CONFIRMED
        assert state_of(second) == state_of(later) == (LineState.WAITING, Doubt.NOT_SENT)

    def test_a_payout_that_has_come_back_is_past_the_banks_word(self, market):
        payout = sent_payout(market)
        bounce_payout(actor=SYSTEM, payout_id=payout.id, reason="by hand")
        entry = Entry(-payout.amount, end_to_end_id=payout.reference)
        imported([entry])
        assert state_of(entry) == (LineState.WAITING, Doubt.NOT_SENT)

    def test_a_closed_buyers_money_waits(self, market):
        Organization.objects.filter(id=market.buyer.id).update(state="closed")
        entry = Entry(500, code_of(market))
        imported([entry])
        assert state_of(entry) == (LineState.WAITING, Doubt.CLOSED)


class TestRefusals:
    def refused(self, file: bytes | io.BytesIO) -> str:
        before = fingerprint()
        with pytest.raises(UnreadableStatement) as refusal:
            import_statement(actor=SYSTEM, file=io.BytesIO(file) if isinstance(file, bytes) else file)
        assert changed(before) == []
        assert list(refusal.value.errors) == ["/file"]
        return str(refusal.value.errors["/file"])

    def test_another_account(self, market):
        assert "is of account 999" in self.refused(message([Entry(500, code_of(market))], account="999"))

    def test_a_space_in_the_account_is_nothing(self, market):
        assert imported([], account="6222 0000 0000 0000 001").lines == 0

    def test_another_currency(self, market):
        said = self.refused(message([Entry(100, code_of(market)), Entry(100, currency="USD")]))
        assert "Entry 2 (line " in said and "is in USD" in said

    def test_balances_that_do_not_add_up(self, market):
        said = self.refused(message([Entry(500, code_of(market))], closing=100_501))
        assert "come to 1005.00, not to the closing balance 1005.01" in said

    @pytest.mark.parametrize(("code", "name"), [("OPBD", "opening"), ("CLBD", "closing")])
    def test_a_missing_balance(self, market, code, name):
        file = document(one_statement([Entry(500, code_of(market))])).replace(code.encode(), b"XXXX")
        assert f"has no {name}" in self.refused(file)

    def test_the_day_before_serves_as_the_opening(self, market):
        file = document(one_statement([Entry(500, code_of(market))])).replace(b"OPBD", b"PRCD")
        assert import_statement(actor=SYSTEM, file=io.BytesIO(file)).new == 1

    def test_a_balance_in_another_currency(self, market):
        file = document(one_statement([Entry(5, "")])).replace(b'<Amt Ccy="CNY">1000.00', b'<Amt Ccy="EUR">1000.00')
        assert "is in EUR" in self.refused(file)

    def test_a_line_without_the_banks_reference(self, market):
        assert "Entry 2 (line " in self.refused(message([Entry(1), Entry(2, reference="")]))

    def test_one_reference_twice(self, market):
        said = self.refused(message([Entry(1, reference="B1"), Entry(9), Entry(2, reference="B1")]))
        assert "1, 3" in said and "B1" in said

    def test_a_reference_that_was_something_else_before(self, market):
        entry = Entry(500, code_of(market))
        imported([entry])
        entry.amount = 600
        assert "Entry 1" in self.refused(message([entry]))

    def test_a_statement_that_comes_again_with_other_figures(self, market):
        entries = [Entry(500, code_of(market))]
        imported(entries, statement_id="S1")
        assert "other figures" in self.refused(message([*entries, Entry(5)], statement_id="S1"))

    def test_an_amount_that_is_none(self, market):
        file = document(one_statement([Entry(12_345)]))
        for wrong in (b"123.456", b"-1.00", b"1,00", b"", b"1e5", b"9" * 30):
            assert "is no amount" in self.refused(file.replace(b">123.45<", b">" + wrong + b"<"))

    def test_the_number_of_entries_that_the_bank_announces(self, market):
        head = "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries></TxsSummry>"
        assert "announces 2 entries and has 1" in self.refused(message([Entry(5)], head=head))

    def test_the_second_statement_is_wrong_and_the_first_is_not_imported(self, market):
        good, bad = one_statement([Entry(500, code_of(market))]), one_statement([Entry(5)], closing=1)
        self.refused(document(good, bad))

    def test_only_the_exchanges_treasurers_may(self, market):
        before = fingerprint()
        for member in (market.purchaser, market.lister, market.auditor):
            with pytest.raises(Forbidden):
                import_statement(actor=factories.actor_of(member), file=message([Entry(5)]))
        assert changed(before) == []


def test_two_statements_in_one_file(market):
    code = code_of(market)
    file = document(one_statement([Entry(500, code)]), one_statement([Entry(600, code), Entry(-5, "fee")]))
    found = import_statement(actor=SYSTEM, file=io.BytesIO(file))
    assert len(found.statements) == 2 and found.by_state == {"deposited": 2, "waiting": 1}
    assert len({statement.file_sha256 for statement in BankStatement.objects.all()}) == 1


def test_what_is_not_booked_is_left_out(market):
    code = code_of(market)
    assert imported([Entry(500, code, status="PDNG"), Entry(600, code)]).lines == 1


def test_words_are_kept_as_the_bank_wrote_them(market):
    nasty = "a\\N\tb\\\\.\n\\.\n\u2028'\"%s {0} \\t end\\"
    imported([Entry(100, nasty, name="C:\\new\\table", reference="B\\1", return_code="\\N"), Entry(200, "\\N")])
    line, other = BankLine.objects.order_by("entry")
    assert (line.remittance_text, line.party_name, line.bank_reference) == (nasty, "C:\\new\\table", "B\\1")
    assert (line.return_reason, other.remittance_text, other.value_on.isoformat()) == ("\\N", "\\N", "2026-11-20")
    assert line.id < other.id
