"""Another bank account for a vendor: its owner asks, an operator approves, and it cools before anything is paid to it.

While it cools the vendor is paid to the old account, and can still take the change back: whoever got into an owner's
workspace gets no money before the vendor has had days to see it. An owner whose old account can receive nothing says
so; payouts then wait for the end of the change instead of going where nobody gets them.
"""

import contextlib
import datetime
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import jobs
from accounts.bank_numbers import code_fault, fault, is_domestic, plain_number
from accounts.errors import ApproverNotIndependent, ChangeOpen
from accounts.models import BankAccountChange, Membership, Organization
from accounts.services.rules import require_operator
from accounts.states import ACCOUNT_CHANGE_MOVES, AccountChangeState, Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_state, violated_constraint
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.kernel.locks import lock_in_order
from market.kernel.words import clean_reason
from market.outbox.services import job


def propose_bank_account(
    *, actor: Actor, bank_account: str, reason: str, bank_code: str = "", is_old_lost: bool = False
) -> BankAccountChange:
    """The owner of a vendor asks to be paid to another account: 8 to 32 digits, or an IBAN.

    ``bank_code`` is the CNAPS code of the bank, which a domestic number needs, or the BIC beside an IBAN. Who gives the
    number that is in use and another code changes the code only.

    Raises ``InvalidInput`` for a number nobody could be paid at or that is in use already, or a wrong code,
    ``ChangeOpen`` while another change is open, ``Forbidden`` for anybody but an owner of a vendor in person.
    """
    actor.require_role(Role.OWNER)
    actor.require_capacity(Capacity.VENDOR)
    _require_person(actor)
    reason, number, code = clean_reason(reason), plain_number(bank_account), plain_number(bank_code)
    _require_payable(number, code)
    with _one_open(), transaction.atomic():
        # Whoever puts another number in force waits, so that what is replaced is what stands there.
        vendor = lock_in_order(Organization.objects.filter(id=actor.organization_id)).get()
        if (number, code) == (plain_number(vendor.bank_account), vendor.bank_code):
            raise InvalidInput(errors={"/bank_account": _("You are paid to this account already.")})
        change = BankAccountChange(
            vendor_org=vendor,
            bank_account=number,
            bank_code=code,
            replaced=vendor.bank_account,
            replaced_code=vendor.bank_code,
            is_old_lost=is_old_lost,
            reason=reason,
            proposed_by_id=actor.user_id,
            proposed_at=clock.now(),
        )
        proof = _proof("proposed", actor, change, old_lost=is_old_lost, reason=reason)
        insert_together(change, proof)
    return change


def approve_bank_account(*, actor: Actor, change_id: uuid.UUID) -> None:
    """An operator has made sure that the vendor wants it: in force ``BANK_ACCOUNT_COOLING_DAYS`` from now.

    Raises ``ApproverNotIndependent`` for who asked for it or has ever been a member of the vendor,
    ``IllegalTransition`` when it waits no more, ``Forbidden``, ``NotFound``.
    """
    change = _for_an_operator(actor, change_id)
    moment = clock.now()
    effective_at = moment + datetime.timedelta(days=settings.BANK_ACCOUNT_COOLING_DAYS)
    with transaction.atomic():
        move_state(
            BankAccountChange.objects.filter(id=change_id),
            ACCOUNT_CHANGE_MOVES,
            AccountChangeState.COOLING,
            approved_by_id=actor.user_id,
            approved_at=moment,
            effective_at=effective_at,
        )
        insert_together(
            _proof("approved", actor, change, effective_at=effective_at.isoformat()),
            job(jobs.CHANGE_BANK_ACCOUNT, key=str(change_id), subject_id=change_id, due_at=effective_at),
        )


def refuse_bank_account(*, actor: Actor, change_id: uuid.UUID, reason: str) -> None:
    """An operator ends a change that is not in force yet, with a reason that the vendor reads.

    Raises as ``approve_bank_account``, and ``InvalidInput`` without a reason.
    """
    change = _for_an_operator(actor, change_id)
    _end(actor, change, AccountChangeState.REFUSED, clean_reason(reason))


def withdraw_bank_account(*, actor: Actor, change_id: uuid.UUID) -> None:
    """An owner of the vendor takes the change back: possible until it is in force.

    Raises ``IllegalTransition`` when it has ended, ``Forbidden``, ``NotFound`` for another vendor's.
    """
    actor.require_role(Role.OWNER)
    _require_person(actor)
    change = _find(change_id)
    if change.vendor_org_id != actor.organization_id:
        raise NotFound
    _end(actor, change, AccountChangeState.WITHDRAWN)


def put_bank_account_in_force(*, change_id: uuid.UUID) -> None:
    """The change has cooled: what is sent from now on goes to the new account. Nothing when it has ended meanwhile.

    Payouts sent before keep the account they were sent to. Raises ``IllegalTransition`` too early, ``NotFound``.
    """
    _find(change_id)
    with transaction.atomic():
        # The vendor before its change, as in asking for one.
        vendor = lock_in_order(Organization.objects.filter(bank_account_changes=change_id)).get()
        cooling = BankAccountChange.objects.filter(id=change_id, state=AccountChangeState.COOLING)
        change = lock_in_order(cooling).first()
        if change is None:
            return
        if change.effective_at > clock.now():
            raise IllegalTransition(_("It has not cooled yet."), state=change.state, legal_moves=[])
        Organization.objects.filter(id=vendor.id).update(bank_account=change.bank_account, bank_code=change.bank_code)
        move_state(cooling, ACCOUNT_CHANGE_MOVES, AccountChangeState.IN_FORCE, ended_at=clock.now())
        insert_together(_proof("in_force", SYSTEM, change))


def _require_payable(number: str, code: str) -> None:
    """Raise ``InvalidInput`` for an account or a bank at which nobody could be paid."""
    if refused := fault(number):
        raise InvalidInput(errors={"/bank_account": refused})
    refused = code_fault(number, code)
    if not code and is_domestic(number):
        refused = _("Write the CNAPS code (联行号) of the bank: 12 digits.")
    if refused:
        raise InvalidInput(errors={"/bank_code": refused})


@contextlib.contextmanager
def _one_open() -> Iterator[None]:
    """Name what the database refuses."""
    try:
        yield
    except IntegrityError as error:
        if violated_constraint(error) == "bank_account_change_one_open":
            raise ChangeOpen(_("Withdraw that one first, or wait until it is in force.")) from error
        raise


def _end(actor: Actor, change: BankAccountChange, state: AccountChangeState, reason: str = "") -> None:
    with transaction.atomic():
        move_state(
            BankAccountChange.objects.filter(id=change.id),
            ACCOUNT_CHANGE_MOVES,
            state,
            ended_by_id=actor.user_id,
            ended_at=clock.now(),
            end_reason=reason,
        )
        insert_together(_proof(state, actor, change, **({"reason": reason} if reason else {})))


def _for_an_operator(actor: Actor, change_id: uuid.UUID) -> BankAccountChange:
    require_operator(actor)
    _require_person(actor)
    change = _find(change_id)
    members = Membership.objects.filter(user_id=actor.user_id, organization_id=change.vendor_org_id)
    if actor.user_id == change.proposed_by_id or members.exists():
        raise ApproverNotIndependent(_("Ask a colleague who has never worked for this vendor."))
    return change


def _require_person(actor: Actor) -> None:
    if actor.user_id is None:
        raise Forbidden(_("A person must do this."))


def _find(change_id: uuid.UUID) -> BankAccountChange:
    found = BankAccountChange.objects.filter(id=change_id).first()
    if found is None:
        raise NotFound
    return found


def _proof(name: str, actor: Actor, change: BankAccountChange, **more: object) -> AuditEvent:
    return event(
        f"bank_account_change.{name}",
        actor=actor,
        subject=("bankaccountchange", change.id),
        on_behalf_of=change.vendor_org_id,
        vendor_org_id=change.vendor_org_id,
        payload={
            "from": change.shown_replaced,
            "from_bank_code": change.replaced_code,
            "to": change.shown_bank_account,
            "to_bank_code": change.bank_code,
            **more,
        },
    )
