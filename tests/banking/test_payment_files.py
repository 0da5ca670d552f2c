"""What the bank is told to pay: valid, complete, and nothing twice."""

import datetime
import hashlib
import importlib.resources
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from accounts.models import Organization
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.banking import pain, services
from market.banking.errors import NothingToPay
from market.banking.models import Payment, PaymentFile
from market.banking.services.payment_files import content
from market.banking.states import FileState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition
from market.settlement.errors import PayoutsStopped
from market.settlement.models import Payout, PayoutStop, ReconciliationReport
from market.settlement.services import bounce_payout, reconcile, run_settlement, send_payout
from market.settlement.states import PayoutState
from tests import factories
from tests.banking.messages import ACCOUNT, Entry
from tests.banking.money import imported
from tests.concurrency.together import together
from tests.settlement.trades import accepted_orders, capture_orders
from tests.tables import changed, fingerprint

SCHEMA = etree.XMLSchema(
    etree.parse(io.BytesIO(importlib.resources.files("sepaxml").joinpath("schemas/pain.001.001.09.xsd").read_bytes()))
)
P = f"{{{pain.NAMESPACE}}}"


def parsed(file: bytes) -> etree._Element:
    tree = etree.fromstring(file)
    SCHEMA.assertValid(tree)
    return tree


def order(count: int, total: int, **changes) -> pain.Order:
    fields = {
        "message_id": "QS-20261123-CNY-1",
        "created_at": datetime.datetime(2026, 11, 23, 1, 2, 3, tzinfo=datetime.UTC),
        "execute_on": datetime.date(2026, 11, 23),
        "count": count,
        "total": total,
        "currency": "CNY",
        "debtor": "贵阳大数据交易所",
        "account": ACCOUNT,
        "bic": "",
    }
    return pain.Order(**fields | changes)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


class TestTheMessage:
    @settings(max_examples=50)
    @given(
        st.lists(st.tuples(st.integers(1, 10**15), names, names), min_size=1, max_size=5),
        st.sampled_from(["", "ICBKCNBJ"]),
    )
    def test_whatever_the_names_it_keeps_to_the_schema(self, given_payments, bic):
        payments = [
            pain.Payment(f"QS20261123ABCDEFGHIJK{number:02d}", amount, name, f"62220{number}", words)
            for number, (amount, name, words) in enumerate(given_payments)
        ]
        total = sum(payment.amount for payment in payments)
        tree = parsed(b"".join(pain.write(order(len(payments), total, bic=bic), payments)))
        amounts = [pain.to_text(payment.amount) for payment in payments]
        assert [each.text for each in tree.iter(P + "InstdAmt")] == amounts
        assert {each.text for each in tree.iter(P + "CtrlSum")} == {pain.to_text(total)}
        assert {each.text for each in tree.iter(P + "NbOfTxs")} == {str(len(payments))}

    def test_elements_stand_in_the_order_of_the_message_definition(self):
        payment = pain.Payment("QS20261123ABCDEFGHIJKLM", 8_934, "黔云 <数据> & Co", "6222", "words", "102100099996")
        tree = parsed(b"".join(pain.write(order(1, 8_934), [payment])))
        head, instruction = tree[0]
        local = [etree.QName(each).localname for each in head]
        assert local == ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"]
        assert [etree.QName(each).localname for each in instruction] == [
            "PmtInfId", "PmtMtd", "BtchBookg", "NbOfTxs", "CtrlSum", "ReqdExctnDt", "Dbtr", "DbtrAcct", "DbtrAgt",
            "ChrgBr", "CdtTrfTxInf",
        ]  # fmt: skip
        assert [etree.QName(each).localname for each in instruction[-1]] == [
            "PmtId",
            "Amt",
            "CdtrAgt",
            "Cdtr",
            "CdtrAcct",
            "RmtInf",
        ]
        assert tree.findtext(f".//{P}Cdtr/{P}Nm") == "黔云 <数据> & Co"
        assert tree.findtext(f".//{P}CreDtTm") == "2026-11-23T01:02:03Z"

    def test_an_iban_is_called_one_and_other_numbers_are_not(self):
        accounts = ["DE89 3704 0044 0532 0130 00", "DE89370400440532013001", "6222021234567890123"]
        payments = [pain.Payment(f"R{number}", 1, "n", account, "w") for number, account in enumerate(accounts)]
        tree = parsed(b"".join(pain.write(order(3, 3), payments)))
        found = [etree.QName(each[0][0]).localname for each in tree.iter(P + "CdtrAcct")]
        assert found == ["IBAN", "Othr", "Othr"]

    def test_the_bank_of_the_payee_is_named_by_its_cnaps_code_or_bic_or_not_at_all(self):
        codes = ["102100099996", "COBADEFFXXX", ""]
        payments = [pain.Payment(f"R{number}", 1, "n", "1", "w", code) for number, code in enumerate(codes)]
        tree = parsed(b"".join(pain.write(order(3, 3), payments)))
        domestic, foreign, nameless = (each.find(f"{P}CdtrAgt/{P}FinInstnId") for each in tree.iter(P + "CdtTrfTxInf"))
        assert domestic.findtext(f"{P}ClrSysMmbId/{P}ClrSysId/{P}Cd") == "CNAPS"
        assert domestic.findtext(f"{P}ClrSysMmbId/{P}MmbId") == "102100099996"
        assert foreign.findtext(f"{P}BICFI") == "COBADEFFXXX" and nameless is None

    def test_a_head_that_promises_something_else_is_refused(self):
        payments = [pain.Payment("R1", 5, "n", "1", "w")]
        for wrong in (order(2, 5), order(1, 6)):
            with pytest.raises(ValueError, match="as the head says"):
                list(pain.write(wrong, payments))

    def test_it_comes_in_pieces(self):
        count = 5_000
        payments = (pain.Payment(f"R{number}", 1, "n", "1", "w") for number in range(count))
        pieces = list(pain.write(order(count, count), payments))
        assert len(pieces) > 10 and max(map(len, pieces)) < pain.PIECE + 2_000
        parsed(b"".join(pieces))


def run(market: factories.Market, *amounts: int, vendors: int = 1) -> datetime.datetime:
    """Settle one order of each amount for the market's vendor and for so many others."""
    capture_orders(accepted_orders(market, list(amounts)))
    for number in range(vendors - 1):
        product = factories.product(factories.organization(Capacity.VENDOR, name=f"别家 {number}"))
        factories.revision(product)
        capture_orders(accepted_orders(market, list(amounts), offer=factories.offer(product)))
    cutoff = clock.now()
    run_settlement(actor=SYSTEM, cutoff=cutoff)
    return cutoff


@pytest.mark.django_db
class TestARun:
    def test_every_sent_payout_stands_in_its_file(self, market):
        cutoff = run(market, 10_000, vendors=3)
        file = services.make_payment_file(actor=factories.actor_of(market.operator), cutoff=cutoff)
        assert (file.payment_count, file.total) == (3, 3 * 8_934)
        _file, pieces = services.take_payment_file(actor=SYSTEM, file_id=file.id)
        written = b"".join(pieces)
        assert hashlib.sha256(written).hexdigest() == file.file_sha256
        tree = parsed(written)
        told = {
            each.findtext(f".//{P}EndToEndId"): (
                each.findtext(f".//{P}InstdAmt"),
                each.findtext(f".//{P}CdtrAcct//{P}Id/{P}Id") or "",
            )
            for each in tree.iter(P + "CdtTrfTxInf")
        }
        assert set(told) == set(Payout.objects.values_list("reference", flat=True))
        assert {amount for amount, _account in told.values()} == {"89.34"}
        assert tree.findtext(f".//{P}DbtrAcct//{P}Othr/{P}Id") == ACCOUNT
        assert AuditEvent.objects.get(name="payment_file.made").payload["total"] == file.total
        assert AuditEvent.objects.filter(name="payment_file.taken").count() == 1

    def test_twice_is_the_same_file(self, market):
        cutoff = run(market, 10_000)
        first = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        before = fingerprint()
        assert services.make_payment_file(actor=SYSTEM, cutoff=cutoff).id == first.id
        assert changed(before) == []
        assert b"".join(content(first)) == b"".join(content(PaymentFile.objects.get()))

    def test_what_waited_is_sent_when_it_can_be_and_comes_into_a_second_file(self, market):
        Organization.objects.filter(id=market.vendor.id).update(bank_account="")
        cutoff = run(market, 10_000, vendors=2)
        first = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        assert first.payment_count == 1
        Organization.objects.filter(id=market.vendor.id).update(bank_account="6222999")
        second = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        assert (second.number, second.payment_count) == (2, 1)
        assert second.message_id != first.message_id
        assert b"6222999" in b"".join(content(second))
        assert Payment.objects.values("payout").distinct().count() == 2
        assert reconcile().is_clean

    def test_what_came_back_is_sent_by_hand_and_then_paid_again(self, market):
        cutoff = run(market, 10_000)
        services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        again = bounce_payout(actor=SYSTEM, payout_id=Payout.objects.get().id, reason="AC04")
        assert services.make_payment_file(actor=SYSTEM, cutoff=cutoff).number == 1
        send_payout(actor=SYSTEM, payout_id=again.id)
        second = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        assert (second.number, second.payments.get().payout_id) == (2, again.id)

    def test_the_statement_answers_the_file(self, market):
        cutoff = run(market, 10_000, vendors=3)
        file = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        tree = parsed(b"".join(content(file)))
        references = [each.text for each in tree.iter(P + "EndToEndId")]
        imported([Entry(-8_934, end_to_end_id=reference) for reference in references])
        assert set(Payout.objects.values_list("state", flat=True)) == {PayoutState.CONFIRMED}

    def test_a_run_without_payouts_has_no_file(self, market):
        before = fingerprint()
        with pytest.raises(NothingToPay):
            services.make_payment_file(actor=SYSTEM, cutoff=clock.now())
        assert changed(before) == []

    def test_while_the_books_do_not_add_up_no_file_leaves(self, client, market):
        cutoff = run(market, 10_000)
        file = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        report = ReconciliationReport.objects.create(at=clock.now(), seconds=1, looked_at=1, drifted=1, findings=[])
        PayoutStop.objects.create(report=report)
        before = fingerprint()
        with pytest.raises(PayoutsStopped):
            services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        with pytest.raises(PayoutsStopped):
            services.take_payment_file(actor=SYSTEM, file_id=file.id)
        assert changed(before) == []
        client.force_login(market.operator.user)
        page = client.get(reverse("operator:banking_paymentfile_file", args=[file.id]), follow=True)
        assert "The books do not add up" in page.content.decode()

    def test_handed_in_once(self, market):
        file = services.make_payment_file(actor=SYSTEM, cutoff=run(market, 10_000))
        operator = factories.actor_of(market.operator)
        services.hand_in(actor=operator, file_id=file.id)
        file.refresh_from_db()
        assert (file.state, file.handed_in_by_id) == (FileState.HANDED_IN, operator.user_id)
        with pytest.raises(IllegalTransition):
            services.hand_in(actor=operator, file_id=file.id)

    def test_only_treasurers(self, market):
        cutoff = run(market, 10_000)
        file = services.make_payment_file(actor=SYSTEM, cutoff=cutoff)
        before = fingerprint()
        for member in (market.vendor_finance, market.purchaser, market.auditor):
            actor = factories.actor_of(member)
            for act in (services.hand_in, services.take_payment_file):
                with pytest.raises(Forbidden):
                    act(actor=actor, file_id=file.id)
            with pytest.raises(Forbidden):
                services.make_payment_file(actor=actor, cutoff=cutoff)
        assert changed(before) == []

    @pytest.mark.parametrize(
        ("sql", "constraint"),
        [
            ("UPDATE banking_paymentfile SET total = total + 1", "banking_paymentfile_is_immutable"),
            ("DELETE FROM banking_paymentfile", "banking_paymentfile_is_immutable"),
            ("UPDATE banking_payment SET position = 7", "banking_payment_is_immutable"),
            ("DELETE FROM banking_payment", "banking_payment_is_immutable"),
            (
                "INSERT INTO banking_payment SELECT (jsonb_populate_record(payment, jsonb_build_object("
                "'id', gen_random_uuid(), 'position', 9))).* FROM banking_payment AS payment",
                "banking_payment_payout_id_key",
            ),
        ],
    )
    def test_the_database_refuses(self, market, sql, constraint):
        services.make_payment_file(actor=SYSTEM, cutoff=run(market, 10_000))
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
        assert refused.value.__cause__.diag.constraint_name == constraint


@pytest.mark.django_db
class TestDoors:
    def test_in_the_workspace(self, client, market):
        cutoff = clock.business_midnight(clock.business_date())
        with clock.frozen_at(cutoff - datetime.timedelta(hours=5)):
            capture_orders(accepted_orders(market, [10_000]))
        run_settlement(actor=SYSTEM, cutoff=cutoff)
        client.force_login(market.operator.user)
        day = {"day": clock.business_date().isoformat()}
        page = client.post(reverse("operator:banking_paymentfile_add"), day, follow=True)
        file = PaymentFile.objects.get()
        assert file.message_id in page.content.decode() and "89.34" in page.content.decode()
        took = client.get(reverse("operator:banking_paymentfile_file", args=[file.id]))
        assert took["Content-Disposition"] == f'attachment; filename="{file.message_id}.xml"'
        assert hashlib.sha256(b"".join(took.streaming_content)).hexdigest() == file.file_sha256
        url = reverse("operator:banking_paymentfile_act", args=[file.id, "hand-in"])
        assert client.post(url, {"confirmed": "yes"}).status_code == 302
        file.refresh_from_db()
        assert file.state == FileState.HANDED_IN
        nothing = client.post(reverse("operator:banking_paymentfile_add"), {"day": "2020-01-01"})
        assert nothing.status_code == 200 and "whether its payouts wait" in nothing.content.decode()

    def test_each_run_by_hand_in_the_middle_of_a_day_is_found_by_its_day(self, client, market):
        cutoffs = [run(market, 10_000), run(market, 20_000)]
        assert cutoffs[0] != clock.business_midnight(clock.business_date(cutoffs[0]))
        client.force_login(market.operator.user)
        for _again in range(3):
            client.post(
                reverse("operator:banking_paymentfile_add"), {"day": clock.business_date(cutoffs[0]).isoformat()}
            )
        assert list(PaymentFile.objects.order_by("number").values_list("cutoff", flat=True)) == cutoffs

    def test_two_runs_of_a_day_have_a_file_each(self, market):
        files = [services.make_payment_file(actor=SYSTEM, cutoff=run(market, amount)) for amount in (10_000, 20_000)]
        assert [file.message_id[-2:] for file in files] == ["-1", "-2"]
        assert [file.payment_count for file in files] == [1, 1]

    def test_the_owner_looks_and_takes_no_file(self, client, market):
        file = services.make_payment_file(actor=SYSTEM, cutoff=run(market, 10_000))
        client.force_login(factories.member(market.operator.organization, Role.OWNER).user)
        assert client.get(reverse("operator:banking_paymentfile_change", args=[file.id])).status_code == 200
        assert client.get(reverse("operator:banking_paymentfile_file", args=[file.id])).status_code == 403
        client.force_login(market.auditor.user)
        assert client.get(reverse("auditor:banking_paymentfile_change", args=[file.id])).status_code == 200

    def test_on_the_command_line(self, market, tmp_path, capsys):
        day = clock.business_date().isoformat()
        with clock.frozen_at(clock.business_midnight(clock.business_date()) - datetime.timedelta(hours=5)):
            capture_orders(accepted_orders(market, [10_000]))
        output = tmp_path / "file.xml"
        with pytest.raises(CommandError, match="No payout of this run waits .*; .*whether its payouts wait"):
            call_command("payout_file", str(output), "--cutoff", day)
        assert not output.exists()
        run_settlement(actor=SYSTEM, cutoff=clock.business_midnight(clock.business_date()))
        call_command("payout_file", str(output), "--cutoff", day)
        assert "1 payments, 89.34 CNY" in capsys.readouterr().err
        parsed(output.read_bytes())
        assert Payment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_files_of_one_run_at_once_are_one(market):
    cutoff = run(market, 10_000, vendors=3)
    found = together([lambda: services.make_payment_file(actor=SYSTEM, cutoff=cutoff)] * 4)
    assert not [each for each in found if isinstance(each, Exception)], found
    assert len({file.id for file in found}) == 1
    assert (PaymentFile.objects.count(), Payment.objects.count()) == (1, 3)
