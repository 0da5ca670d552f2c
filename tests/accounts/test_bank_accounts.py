"""Another bank account for a vendor: asked for, approved by somebody else, cooled, and only then paid to."""

import datetime
import hashlib

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given as for_any
from hypothesis import strategies as st
from lxml import etree

from accounts import services
from accounts.bank_numbers import check_digit, fault, plain_number
from accounts.errors import ApproverNotIndependent, ChangeOpen
from accounts.models import BankAccountChange, Organization
from accounts.states import AccountChangeState, Capacity, Role
from market.audit.models import AuditEvent
from market.banking import pain
from market.banking.models import PaymentFile
from market.banking.services import make_payment_file
from market.banking.services.payment_files import content
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import violated_constraint
from market.kernel.errors import BusinessError, Forbidden, IllegalTransition, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from market.outbox.models import Job
from market.outbox.services import perform
from market.settlement.models import Payout
from market.settlement.services import run_settlement, send_payout
from market.settlement.states import PayoutHold, PayoutState
from tests import factories
from tests.concurrency.guards import without_index
from tests.concurrency.together import together
from tests.settlement.trades import accepted_orders, capture_orders, market_with_fees
from tests.tables import changed, fingerprint

NEW, BANK = "6222021234567890987", "102100099996"
DAYS = 3
P = f"{{{pain.NAMESPACE}}}"


@pytest.fixture
def market(db, settings) -> factories.Market:
    settings.BANK_ACCOUNT_COOLING_DAYS = DAYS
    return market_with_fees()


@pytest.fixture
def owner(market):
    return factories.member(market.vendor, Role.OWNER)


def propose(owner, **given) -> BankAccountChange:
    wanted = {"bank_account": NEW, "bank_code": BANK, "reason": "We have changed banks."} | given
    return services.propose_bank_account(actor=factories.actor_of(owner), **wanted)


def approve(market, change) -> None:
    services.approve_bank_account(actor=factories.actor_of(market.operator), change_id=change.id)


def cooled() -> datetime.datetime:
    return clock.now() + datetime.timedelta(days=DAYS, seconds=1)


def settle(market) -> Payout:
    """A new payout of the vendor's."""
    capture_orders(accepted_orders(market, [10_000]))
    with clock.frozen_at(clock.now() + datetime.timedelta(seconds=1)):  # where the clock stands still, too
        run_settlement(actor=SYSTEM, cutoff=clock.now())
    return Payout.objects.filter(vendor_org=market.vendor).latest("id")


def agents(file: PaymentFile) -> dict[str, str]:
    """What the file says of each payee's bank, by the payee's account; read as XML."""
    tree = etree.fromstring(b"".join(content(PaymentFile.objects.get(id=file.id))))
    return {
        one.findtext(f"{P}CdtrAcct//{P}Othr/{P}Id"): one.xpath("string(*[local-name()='CdtrAgt'])")
        for one in tree.iter(P + "CdtTrfTxInf")
    }


def digest_of(file: PaymentFile) -> str:
    return hashlib.sha256(b"".join(content(PaymentFile.objects.get(id=file.id)))).hexdigest()


def account_of(market) -> str:
    return Organization.objects.get(id=market.vendor.id).bank_account


class TestLife:
    def test_asked_for_approved_cooled_and_then_paid_to(self, market, owner, client):
        """Through the pages of both sides; what was paid, or told to the bank, before stays where it went."""
        old = market.vendor.bank_account
        client.force_login(owner.user)
        given = {"bank_account": " 6222 0212-3456 7890987", "bank_code": "1021 0009 9996"}
        given |= {"reason": "We have changed banks."}
        assert client.post(reverse("vendor:accounts_bankaccountchange_add"), given).status_code == 302
        change = BankAccountChange.objects.get()
        page = client.get(reverse("vendor:index")).content.decode()
        assert f"•••• 0987 ({BANK})" in page and NEW not in page
        client.force_login(market.operator.user)
        queue = client.get(reverse("operator:accounts_bankaccountchange_changelist")).content.decode()
        assert market.vendor.name in queue and "•••• 0987" in queue and BANK in queue and NEW not in queue
        act = reverse("operator:accounts_bankaccountchange_act", args=[change.id, "approve"])
        assert client.post(act, {"confirmed": "yes"}).status_code == 302
        change.refresh_from_db()
        assert (change.state, change.approved_by_id) == (AccountChangeState.COOLING, market.operator.user_id)
        assert change.effective_at - change.approved_at == datetime.timedelta(days=DAYS)
        before = settle(market)
        assert (before.bank_account, before.bank_code) == (old, "")
        file = make_payment_file(actor=SYSTEM, cutoff=before.batch.cutoff)
        with pytest.raises(IllegalTransition):
            services.put_bank_account_in_force(change_id=change.id)
        with clock.frozen_at(cooled()):
            perform(Job.objects.get(subject_id=change.id).id)
            after = settle(market)
        change.refresh_from_db()
        assert change.state == AccountChangeState.IN_FORCE
        assert (after.state, after.bank_account, account_of(market)) == (PayoutState.SENT, NEW, NEW)
        assert agents(file) == {old: ""} and digest_of(file) == file.file_sha256
        later = make_payment_file(actor=SYSTEM, cutoff=after.batch.cutoff)
        assert agents(later) == {NEW: f"CNAPS{BANK}"}
        names = AuditEvent.objects.filter(subject_id=change.id).order_by("id").values_list("name", flat=True)
        assert [name.rpartition(".")[2] for name in names] == ["proposed", "approved", "in_force"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT bank_account || replaced FROM accounts_bankaccountchange")
            assert NEW not in cursor.fetchone()[0]

    def test_another_bank_code_takes_the_same_way(self, market, owner, client):
        """What was sent keeps the code it was sent with, and its file is written again the same to the byte."""
        old, other = account_of(market), "103100000026"
        Organization.objects.filter(id=market.vendor.id).update(bank_code=BANK)
        before = settle(market)
        file = make_payment_file(actor=SYSTEM, cutoff=before.batch.cutoff)
        change = propose(owner, bank_account=old, bank_code=other)
        waiting = settle(market)
        approve(market, change)
        with clock.frozen_at(cooled()):
            services.put_bank_account_in_force(change_id=change.id)
            after = settle(market)
        assert [payout.bank_code for payout in (before, waiting, after)] == [BANK, BANK, other]
        assert account_of(market) == old and agents(file) == {old: f"CNAPS{BANK}"}
        assert digest_of(file) == file.file_sha256
        assert agents(make_payment_file(actor=SYSTEM, cutoff=after.batch.cutoff)) == {old: f"CNAPS{other}"}
        proof = AuditEvent.objects.get(subject_id=change.id, name="bank_account_change.in_force").payload
        assert (proof["from_bank_code"], proof["to_bank_code"]) == (BANK, other)
        sent = AuditEvent.objects.get(subject_id=after.id, name="payout.sent").payload
        assert (sent["bank_account"], sent["bank_code"]) == (f"•••• {old[-4:]}", other)
        shown = factories.api_client(market.vendor_finance).get(f"/api/v1/settlement/payouts/{before.id}").json()
        assert shown["bank_code"] == BANK
        client.force_login(market.operator.user)
        for name, key in (("accounts_organization", market.vendor.id), ("settlement_payout", after.id)):
            assert other in client.get(reverse(f"operator:{name}_change", args=[key])).content.decode()
        for sql in ("bank_code = '102100099996'", "bank_code = ''"):
            with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"UPDATE settlement_payout SET {sql} WHERE id = %s", [after.id])
            assert violated_constraint(error.value) == "settlement_payout_bank_code_stays"

    @pytest.mark.parametrize("is_approved", [False, True])
    def test_a_change_that_ends_changes_nothing(self, market, owner, is_approved):
        """Withdrawn by the vendor or refused by the exchange, before or during cooling; then another may be asked."""
        old = account_of(market)
        withdrawn = propose(owner)
        if is_approved:
            approve(market, withdrawn)
        services.withdraw_bank_account(actor=factories.actor_of(owner), change_id=withdrawn.id)
        refused = propose(owner)
        if is_approved:
            approve(market, refused)
        services.refuse_bank_account(
            actor=factories.actor_of(market.operator), change_id=refused.id, reason="Nobody there knew of it."
        )
        with clock.frozen_at(cooled()):
            for change in (withdrawn, refused):
                services.put_bank_account_in_force(change_id=change.id)
        assert account_of(market) == old
        assert set(BankAccountChange.objects.values_list("state", flat=True)) == {"withdrawn", "refused"}

    def test_while_the_old_account_is_lost_payouts_wait(self, market, owner):
        change = propose(owner, is_old_lost=True)
        payout = settle(market)
        assert (payout.state, payout.hold) == (PayoutState.PENDING, PayoutHold.ACCOUNT_LOST)
        with pytest.raises(BusinessError, match="lost"):
            send_payout(actor=SYSTEM, payout_id=payout.id)
        approve(market, change)
        with clock.frozen_at(cooled()):
            services.put_bank_account_in_force(change_id=change.id)
            make_payment_file(actor=SYSTEM, cutoff=payout.batch.cutoff)
        payout.refresh_from_db()
        assert (payout.state, payout.hold, payout.bank_account) == (PayoutState.SENT, "", NEW)


class TestRefused:
    def test_a_number_nobody_could_be_paid_at(self, market, owner):
        before = fingerprint()
        wrong = ["", "1234567", "6222 0212 3456 789x", "GB82WEST12345698765433", "9" * 33, "DE89", "٦٢٢٢٠٢١٢٣٤٥٦٧٨٩٠"]
        for number in wrong:
            with pytest.raises(InvalidInput) as refusal:
                propose(owner, bank_account=number)
            assert set(refusal.value.errors) == {"/bank_account"}, number
        assert changed(before) == []

    def test_a_bank_nobody_could_be_paid_at(self, market, owner, client):
        """Beside the field, in both languages; an IBAN needs no code."""
        before = fingerprint()
        iban = "GB82WEST12345698765432"
        wrong = ["", "10210009999", "1021000999966", "10210009999X", "102100099997", "ICBKCNBJ", "١٠٢١٠٠٠٩٩٩٩٦"]
        for number, code in [(NEW, code) for code in wrong] + [(iban, BANK), (iban, "WEST")]:
            with pytest.raises(InvalidInput) as refusal:
                propose(owner, bank_account=number, bank_code=code)
            assert set(refusal.value.errors) == {"/bank_code"}, code
        assert changed(before) == []
        client.force_login(owner.user)
        before = fingerprint()
        url, given = reverse("vendor:accounts_bankaccountchange_add"), {"bank_account": NEW, "reason": "Another bank."}
        for language, told in (("en", "Write the CNAPS code"), ("zh-hans", "请填写开户行联行号")):
            for code in ("", "10210009999", "10210009999X"):
                page = client.post(url, given | {"bank_code": code}, headers={"Accept-Language": language})
                assert told in page.content.decode(), (language, code)
        assert "check digit" in client.post(url, given | {"bank_code": "102100099997"}).content.decode()
        assert changed(before) == []
        assert propose(owner, bank_account=iban, bank_code="westgb22").bank_code == "WESTGB22"

    def test_an_operator_registers_the_code_and_sees_where_it_is_missing(self, market, client):
        client.force_login(market.operator.user)
        vendor = Organization.objects.filter(id=market.vendor.id)
        url = reverse("operator:accounts_organization_change", args=[market.vendor.id])
        form = {"name": market.vendor.name, "region": "贵阳市", "taxpayer_type": "general", "capacities": ["vendor"]}
        assert "missing" in client.get(url).content.decode()
        client.post(url, form | {"bank_code": BANK})
        with pytest.raises(InvalidInput) as refusal:
            services.edit_organization(actor=SYSTEM, organization_id=market.vendor.id, bank_code=BANK)
        assert set(refusal.value.errors) == {"/bank_code"}
        vendor.update(state="pending")
        for code, told in (("1021", "Write the CNAPS code"), ("102100099997", "check digit")):
            assert told in client.post(url, form | {"bank_code": code}).content.decode()
        assert vendor.get().bank_code == ""
        assert client.post(url, form | {"bank_code": BANK}).status_code == 302
        assert (vendor.get().bank_code, vendor.get().bank_account) == (BANK, market.vendor.bank_account)
        for wrong in ({"bank_account": ""}, {"bank_code": "1021"}):
            with pytest.raises(IntegrityError) as error, transaction.atomic():
                vendor.update(**wrong)
            assert violated_constraint(error.value) == "organization_bank_code_goes_with_the_account"
        known = client.get(reverse("operator:accounts_organization_changelist"), {"bank_code__isempty": "0"})
        assert market.vendor.name in known.content.decode() and market.buyer.name not in known.content.decode()

    def test_the_number_that_is_used_already_is_told_beside_the_field(self, market, owner, client):
        client.force_login(owner.user)
        Organization.objects.filter(id=market.vendor.id).update(bank_code=BANK)
        given = {"bank_account": account_of(market), "bank_code": BANK, "reason": "Again."}
        page = client.post(reverse("vendor:accounts_bankaccountchange_add"), given).content.decode()
        assert "paid to this account already" in page and not BankAccountChange.objects.exists()

    def test_who_may_not(self, market, owner):
        """Roles, another vendor's owner, the same person, and an operator who has ever been of the vendor."""
        change = propose(owner)
        stranger = factories.member(factories.organization(Capacity.VENDOR), Role.OWNER)
        both = factories.member(market.operator.organization, Role.OPERATOR)
        services.add_members(actor=SYSTEM, members=[(both.user, market.vendor, Role.LISTER)])
        services.add_members(actor=SYSTEM, members=[(owner.user, market.operator.organization, Role.OPERATOR)])
        himself = owner.user.memberships.get(role=Role.OPERATOR)
        buyer = factories.member(market.buyer, Role.OWNER)
        before = fingerprint()
        with pytest.raises(ChangeOpen):
            propose(owner)
        for member in (market.lister, market.vendor_finance, market.operator, market.auditor, buyer):
            with pytest.raises(Forbidden):
                propose(member)
        with pytest.raises(Forbidden):
            services.propose_bank_account(actor=SYSTEM, bank_account=NEW, reason="By itself.")
        acts = {
            services.approve_bank_account: {},
            services.refuse_bank_account: {"reason": "Nobody there knew of it."},
        }
        finance = factories.actor_of(market.vendor_finance)
        for act, given in acts.items():
            for member, refusal in ((both, ApproverNotIndependent), (himself, ApproverNotIndependent)):
                with pytest.raises(refusal):
                    act(actor=factories.actor_of(member), change_id=change.id, **given)
            for actor in (factories.actor_of(owner), finance, factories.actor_of(market.auditor), SYSTEM):
                with pytest.raises(Forbidden):
                    act(actor=actor, change_id=change.id, **given)
        with pytest.raises(NotFound):
            services.withdraw_bank_account(actor=factories.actor_of(stranger), change_id=change.id)
        with pytest.raises(NotFound):
            services.approve_bank_account(actor=factories.actor_of(market.operator), change_id=uuid7())
        with pytest.raises(Forbidden):
            services.withdraw_bank_account(actor=finance, change_id=change.id)
        with pytest.raises(InvalidInput, match="valid"):
            services.edit_organization(actor=SYSTEM, organization_id=market.vendor.id, bank_account=NEW)
        assert set(changed(before)) <= {"accounts_membership"}

    def test_by_the_database_itself(self, market, owner):
        propose(owner)
        refused = {
            "state = 'cooling', approved_by_id = proposed_by_id, approved_at = now(), effective_at = now()": "_people",
            "state = 'in_force', ended_at = now()": "state_moves",
            "state = 'cooling'": "state_tells_the_rest",
            "reason = 'another'": "is_immutable",
            "bank_code = '103100000026'": "is_immutable",
            "is_old_lost = true": "is_immutable",
        }
        for sql, constraint in refused.items():
            with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"UPDATE accounts_bankaccountchange SET {sql}")
            assert violated_constraint(error.value).endswith(constraint), sql


def test_numbers_as_people_write_them():
    assert plain_number(" gb82 west-1234 5698 7654 32") == "GB82WEST12345698765432"
    assert fault("GB82WEST12345698765432") is None and fault("12345678") is None


PUBLISHED = ["102100099996", "104100000004", "301290000007", "302100011000", "313110000017", "203397600012"]


def test_the_check_digits_of_codes_that_the_central_bank_gave():
    assert [check_digit(code[:-1]) for code in PUBLISHED] == [code[-1] for code in PUBLISHED]


@for_any(st.text("0123456789", min_size=11, max_size=11), st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_of_a_bank_code_is_noticed(digits, place, more):
    wrong = digits[:place] + str((int(digits[place]) + more) % 10) + digits[place + 1 :]
    assert check_digit(wrong) != check_digit(digits)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_one_change_is_open(self, market, owner):
        calls = [lambda: propose(owner)] * 4
        with without_index(
            "bank_account_change_one_open",
            "UPDATE accounts_bankaccountchange SET state = 'withdrawn', ended_at = now() WHERE state = 'proposed'",
        ):
            together(calls)
            assert BankAccountChange.objects.filter(state="proposed").count() == 4
        outcomes = together(calls)
        assert BankAccountChange.objects.filter(state="proposed").count() == 1
        assert sum(isinstance(outcome, ChangeOpen) for outcome in outcomes) == 3

    def test_withdrawn_against_approved_and_against_in_force(self, market, owner):
        """Whoever comes first: a withdrawal that succeeded is never followed by the new account."""
        old, mine = account_of(market), factories.actor_of(owner)
        for _round in range(3):
            change = propose(owner)
            withdraw = lambda key=change.id: services.withdraw_bank_account(actor=mine, change_id=key)  # noqa: E731
            together([withdraw, lambda it=change: approve(market, it)])
            change.refresh_from_db()
            assert change.state == AccountChangeState.WITHDRAWN
        change = propose(owner)
        approve(market, change)

        def in_force() -> None:
            with clock.frozen_at(cooled()):
                services.put_bank_account_in_force(change_id=change.id)

        withdrawn, _put = together([lambda: services.withdraw_bank_account(actor=mine, change_id=change.id), in_force])
        change.refresh_from_db()
        if isinstance(withdrawn, IllegalTransition):
            assert (change.state, account_of(market)) == (AccountChangeState.IN_FORCE, NEW)
        else:
            assert (change.state, account_of(market)) == (AccountChangeState.WITHDRAWN, old)

    def test_a_payment_file_is_written_with_the_account_its_payout_was_sent_to(self, market, owner):
        Organization.objects.filter(id=market.vendor.id).update(bank_account="")
        payout = settle(market)
        Organization.objects.filter(id=market.vendor.id).update(bank_account=market.vendor.bank_account)
        change = propose(owner)
        approve(market, change)

        def in_force() -> None:
            with clock.frozen_at(cooled()):
                services.put_bank_account_in_force(change_id=change.id)

        made, _put = together([lambda: make_payment_file(actor=SYSTEM, cutoff=payout.batch.cutoff), in_force])
        payout.refresh_from_db()
        assert payout.bank_account in (market.vendor.bank_account, NEW) and account_of(market) == NEW
        assert payout.bank_account.encode() in b"".join(content(PaymentFile.objects.get(id=made.id)))
