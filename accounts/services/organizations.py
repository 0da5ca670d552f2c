"""Acts on organisations. Only the operator of the exchange registers, edits, verifies, suspends and closes."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import bank_numbers, jobs
from accounts import uscc as unified_code
from accounts.models import Organization
from accounts.services.rules import insert_all, registering, require_operator
from accounts.states import ORGANIZATION_MOVES, Capacity, OrganizationState, TaxpayerType
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.encryption import masked
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.kernel.locks import lock_in_order
from market.kernel.words import clean_reason
from market.outbox.models import Job
from market.outbox.services import job

EDITABLE = ("name", "region", "taxpayer_type", "bank_account", "bank_code", "capacities")
OF_THE_ACCOUNT = frozenset({"bank_account", "bank_code"})


def register_organizations(*, actor: Actor, organizations: Sequence[Organization]) -> list[Organization]:
    """Register any number of organisations, with an audit event each: a few in one statement, many by ``COPY``.

    The instances are unsaved and complete but for their key. One that is registered as ``verified`` gets its accounts
    by ``ledger.services.open_accounts`` from the caller; one that is verified later gets them by itself.

    Raises ``InvalidInput`` with a pointer to each wrong value (``/0/uscc``), ``AlreadyRegistered`` for a code that
    exists already.
    """
    require_operator(actor)
    errors = {
        f"/{index}{pointer}": text
        for index, organization in enumerate(organizations)
        for pointer, text in _faults(organization).items()
    }
    if errors:
        raise InvalidInput(errors=errors)
    with registering(), transaction.atomic():
        insert_all(organizations, [_registered(organization, actor) for organization in organizations])
    return list(organizations)


def edit_organization(*, actor: Actor, organization_id: uuid.UUID, **changes: Any) -> None:
    """Change name, region, taxpayer type, bank account and code, or capacities; the USCC is the identity and stays.

    A new capacity opens the accounts it needs. Bank account and code of an organisation that has been verified are
    changed by its own owner (``propose_bank_account``), but for the exchange's. Raises ``InvalidInput`` or
    ``NotFound``.
    """
    require_operator(actor)
    if not set(changes) <= set(EDITABLE):
        raise InvalidInput(errors={f"/{name}": _("This cannot be changed.") for name in set(changes) - set(EDITABLE)})
    with registering(), transaction.atomic():
        organization = lock_in_order(Organization.objects.filter(id=organization_id)).first()
        if organization is None:
            raise NotFound
        changed = {name: value for name, value in changes.items() if value != getattr(organization, name)}
        if not changed:
            return
        if (kept := OF_THE_ACCOUNT & set(changed)) and not _may_set_account(actor, organization):
            text = _("Its owner asks for another account, in its own workspace; then you can approve it.")
            raise InvalidInput(errors={f"/{name}": text for name in kept})
        proof = {name: _shown(name, getattr(organization, name), value) for name, value in changed.items()}
        for name, value in changed.items():
            setattr(organization, name, value)
        faults = _faults(organization)
        if faults:
            raise InvalidInput(errors=faults)
        Organization.objects.filter(id=organization_id).update(**changed)
        edited = event(
            "organization.edited",
            actor=actor,
            subject=("organization", organization_id),
            on_behalf_of=organization_id,
            payload=proof,
        )
        opens = "capacities" in changed and organization.state == OrganizationState.VERIFIED
        insert_together(edited, _opening(organization_id, edited.id) if opens else None)


def change_organization_state(*, actor: Actor, organization_id: uuid.UUID, state: str, reason: str = "") -> Job | None:
    """Verify, suspend, reopen or close an organisation; suspending and closing need a reason.

    A verified organisation's accounts are opened right after, by the job that is returned. Raises ``InvalidInput``,
    ``IllegalTransition``, ``NotFound``, or ``Forbidden`` for the actor's own organisation: whoever suspended it could
    not undo it.
    """
    require_operator(actor)
    if actor.organization_id == organization_id:
        raise Forbidden(_("Your own organisation's state is not yours to change."))
    if state in (OrganizationState.SUSPENDED, OrganizationState.CLOSED):
        reason = clean_reason(reason)
    with transaction.atomic():
        move_state(Organization.objects.filter(id=organization_id), ORGANIZATION_MOVES, OrganizationState(state))
        moved = event(
            f"organization.{state}",
            actor=actor,
            subject=("organization", organization_id),
            on_behalf_of=organization_id,
            payload={"reason": reason.strip()},
        )
        opening = _opening(organization_id, moved.id) if state == OrganizationState.VERIFIED else None
        insert_together(moved, opening)
    return opening


def _may_set_account(actor: Actor, organization: Organization) -> bool:
    """Nothing is paid to an organisation that has not been verified; the exchange's own account pays."""
    return organization.state == OrganizationState.PENDING or Capacity.OPERATOR in organization.capacities


def _shown(name: str, *values: Any) -> list[Any]:
    """Old and new value as the evidence keeps them for ever: an account number only masked."""
    return [masked(value) if name == "bank_account" else value for value in values]


def _registered(organization: Organization, actor: Actor) -> AuditEvent:
    return event(
        "organization.registered",
        actor=actor,
        subject=("organization", organization.id),
        on_behalf_of=organization.id,
        payload={
            "uscc": organization.uscc,
            "name": organization.name,
            "capacities": sorted(organization.capacities),
            "state": organization.state,
        },
    )


def _opening(organization_id: uuid.UUID, event_id: uuid.UUID) -> Job:
    return job(jobs.OPEN_ACCOUNTS, key=str(event_id), subject_id=organization_id)


def _faults(organization: Organization) -> dict[str, str | Promise]:
    """What is wrong with the values, by pointer."""
    faults: dict[str, str | Promise] = {}
    capacities = set(organization.capacities)
    if not organization.name.strip():
        faults["/name"] = _("An organisation has a name.")
    if not unified_code.is_valid(organization.uscc):
        faults["/uscc"] = _("Not a valid Unified Social Credit Code: check its 18 characters.")
    if not capacities or not capacities <= set(Capacity.values):
        faults["/capacities"] = _("Choose at least one of the known capacities.")
    elif {Capacity.OPERATOR, Capacity.VENDOR} <= capacities:
        faults["/capacities"] = _("The operator of an exchange may not sell on it.")
    number = bank_numbers.plain_number(organization.bank_account)
    if number and (text := bank_numbers.fault(number)):
        faults["/bank_account"] = text
    elif text := bank_numbers.code_fault(number, organization.bank_code):
        faults["/bank_code"] = text
    if organization.taxpayer_type not in TaxpayerType.values:
        faults["/taxpayer_type"] = _("Not a known taxpayer type.")
    return faults
