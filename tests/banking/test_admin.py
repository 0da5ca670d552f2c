"""Statements and their queue in the workspaces, and on the command line."""

import io
import sys

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.states import Role
from market.banking.models import BankLine, BankStatement
from market.banking.states import LineState
from tests import factories
from tests.banking.messages import Entry, document, one_statement
from tests.banking.money import code_of, imported, line_of, sent_payout, wallet
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
ADD = "operator:banking_bankstatement_add"


@pytest.fixture
def operator(client, market):
    client.force_login(market.operator.user)
    return client


def upload(client, content: bytes):
    return client.post(reverse(ADD), {"file": SimpleUploadedFile("statement.xml", content)}, follow=True)


def act_url(line: BankLine, name: str) -> str:
    return reverse("operator:banking_bankline_act", args=[line.id, name])


class TestUpload:
    def test_it_is_imported_and_shown(self, operator, market):
        before = wallet(market)
        file = document(one_statement([Entry(12_345, code_of(market)), Entry(500, "?")], statement_id="S77"))
        page = upload(operator, file)
        text = page.content.decode()
        assert "2 new lines, of which 1 wait" in text
        assert "S77" in text and "123.45" in text and market.buyer.name in text
        assert BankStatement.objects.get().imported_by == market.operator.user
        assert wallet(market) == before + 12_345
        unchanged = fingerprint()
        again = upload(operator, file)
        assert "imported before" in again.content.decode()
        assert set(changed(unchanged)) <= {"django_admin_log", "django_session"}

    @pytest.mark.parametrize("content", [b"", b"not xml", document(one_statement([Entry(5)], closing=7))])
    def test_what_is_wrong_stands_beside_the_field(self, operator, content):
        before = fingerprint()
        page = upload(operator, content)
        assert page.status_code == 200
        assert "is not well-formed" in page.content.decode() or "does not add up" in page.content.decode()
        assert changed(before) == []

    def test_finance_may_and_the_owner_only_looks(self, client, market):
        exchange = market.operator.organization
        for role, status in ((Role.FINANCE, 200), (Role.OWNER, 403)):
            client.force_login(factories.member(exchange, role).user)
            assert client.get(reverse(ADD)).status_code == status
            assert client.get(reverse("operator:banking_bankline_changelist")).status_code == 200


class TestQueue:
    def test_buttons_lead_to_the_services(self, operator, market):
        payout = sent_payout(market)
        mine, out, back, fee = Entry(500, "?"), Entry(-payout.amount, "?"), Entry(600, "?"), Entry(-5, "fee")
        imported([mine, out, back, fee])
        page = operator.get(reverse("operator:banking_bankline_change", args=[line_of(mine).id])).content.decode()
        assert all(act_url(line_of(mine), name) in page for name in ("assign", "payout", "return", "aside"))
        page = operator.get(reverse("operator:banking_bankline_change", args=[line_of(fee).id])).content.decode()
        assert act_url(line_of(fee), "assign") not in page and act_url(line_of(fee), "aside") in page
        answers = [
            (mine, "assign", {"code": code_of(market)}, LineState.DEPOSITED),
            (out, "payout", {"reference": payout.reference}, LineState.CONFIRMED),
            (back, "return", {}, LineState.RETURNED),
            (fee, "aside", {}, LineState.SET_ASIDE),
        ]
        for entry, name, answer, state in answers:
            done = operator.post(act_url(line_of(entry), name), {"reason": "Seen on the slip.", **answer})
            assert done.status_code == 302, done.content.decode()
            assert line_of(entry).state == state
            assert operator.get(act_url(line_of(entry), name)).status_code == 404

    def test_a_refusal_stands_on_the_form(self, operator, market):
        entry = Entry(500, "?")
        imported([entry])
        page = operator.post(act_url(line_of(entry), "assign"), {"code": "QS000000001", "reason": "Guess."})
        assert page.status_code == 200 and "No buyer has this remittance code" in page.content.decode()

    def test_auditors_read(self, client, market):
        imported([Entry(500, "very special words")])
        client.force_login(market.auditor.user)
        line = BankLine.objects.get()
        assert "very special words" in client.get(reverse("auditor:banking_bankline_changelist")).content.decode()
        assert client.get(reverse("auditor:banking_bankline_change", args=[line.id])).status_code == 200
        assert client.get(reverse("auditor:banking_bankstatement_add")).status_code == 403

    def test_lists_ask_as_often_whatever_their_length(self, operator, market):
        code = code_of(market)

        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as asked:
                operator.get(reverse("operator:banking_bankline_changelist"))
                operator.get(reverse("operator:banking_bankstatement_changelist"))
            return len(asked)

        imported([Entry(1, code), Entry(2, "?")])
        queries()
        few = queries()
        for _time in range(3):
            imported([Entry(1, code) for _ in range(5)] + [Entry(2, "?")])
        assert queries() == few

    def test_a_line_is_found_by_its_references(self, operator, market):
        entry = Entry(500, "?", name="Someone Ltd")
        imported([entry, Entry(5, "?", name="Another Ltd")])
        page = operator.get(reverse("operator:banking_bankline_changelist"), {"q": entry.reference}).content.decode()
        assert "Someone Ltd" in page and "Another Ltd" not in page


class TestCommand:
    def test_it_tells_what_came_of_it(self, market, tmp_path, capsys):
        file = tmp_path / "statement.xml"
        file.write_bytes(document(one_statement([Entry(12_345, code_of(market)), Entry(-5, "fee")], statement_id="S9")))
        call_command("import_statement", str(file))
        told = capsys.readouterr().out
        assert "Statement S9: 1000.00 + 123.45 - 0.05 = 1123.40 CNY" in told
        assert "2 lines, 2 of them new." in told and "1  deposited" in told
        call_command("import_statement", str(file))
        assert "2 lines, 0 of them new." in capsys.readouterr().out

    def test_from_standard_input(self, market, monkeypatch, capsys):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(document(one_statement([Entry(5)])))))
        call_command("import_statement", "-")
        assert "1 lines, 1 of them new." in capsys.readouterr().out

    def test_what_is_wrong_is_said(self, market, tmp_path):
        file = tmp_path / "statement.xml"
        file.write_bytes(document(one_statement([Entry(5)], account="999")))
        with pytest.raises(CommandError, match="is of account 999"):
            call_command("import_statement", str(file))
        with pytest.raises(CommandError, match="No such file"):
            call_command("import_statement", str(tmp_path / "none.xml"))

    def test_without_an_account_nobody_can_know(self, market, tmp_path, settings):
        settings.EXCHANGE_BANK_ACCOUNT = ""
        type(market.buyer).objects.filter(id=market.operator.organization_id).update(bank_account="")
        file = tmp_path / "statement.xml"
        file.write_bytes(document(one_statement([])))
        with pytest.raises(CommandError, match="not set|EXCHANGE_BANK_ACCOUNT"):
            call_command("import_statement", str(file))
