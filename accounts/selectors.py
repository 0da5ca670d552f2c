"""Reads of who is who."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from accounts.models import ApiToken, BankAccountChange, Membership, Organization, User
from accounts.states import OPEN_ACCOUNT_CHANGES, SUPERVISORS, AccountChangeState, Capacity, Role
from market.kernel.actors import SYSTEM, Actor
from market.kernel.documents import document, loaded, statement
from market.kernel.errors import NotFound

TOKEN = statement(Path(__file__).with_name("token.sql"))
TOKEN_VERSION = statement(Path(__file__).with_name("token_version.sql"))


def sees_everything(actor: Actor) -> bool:
    """Whether the actor supervises the exchange: an operator's or a regulator's member, or the exchange itself."""
    return actor is SYSTEM or bool(actor.capacities & SUPERVISORS)


def token_by_prefix(prefix: str) -> ApiToken | None:
    """The token with everything a request needs to know about its bearer: one query."""
    found = document(f"SELECT ({TOKEN})::text", {"prefix": prefix})
    return token_of(found) if found else None


def token_of(found: Mapping[str, Any]) -> ApiToken:
    """The token with membership, user and organisation, from the document that ``token.sql`` gives."""
    organization = loaded(Organization, found["organization"])
    user = loaded(User, found["user"])
    membership = loaded(Membership, found["membership"], user=user, organization=organization)
    return loaded(ApiToken, found["token"], membership=membership)


def organization(organization_id: uuid.UUID) -> Organization:
    """One organisation. Raises ``NotFound``."""
    found = Organization.objects.filter(id=organization_id).first()
    if found is None:
        raise NotFound
    return found


def operator_organization() -> Organization:
    """The organisation that runs the exchange (the first that holds the capacity). Raises ``NotFound``."""
    found = Organization.objects.filter(capacities__contains=[Capacity.OPERATOR]).order_by("id").first()
    if found is None:
        raise NotFound("No operator organisation exists yet: create one with manage.py create_operator.")
    return found


def vendors() -> QuerySet[Organization]:
    """Every organisation that may sell."""
    return Organization.objects.filter(capacities__contains=[Capacity.VENDOR])


def tokens_visible_to(actor: Actor) -> QuerySet[ApiToken]:
    """Tokens the actor may see and revoke: operators all, owners their organisation's, others their own there."""
    tokens = ApiToken.objects.all()
    if actor is SYSTEM or (actor.role == Role.OPERATOR and Capacity.OPERATOR in actor.capacities):
        return tokens
    tokens = tokens.filter(membership__organization_id=actor.organization_id)
    if actor.role == Role.OWNER:
        return tokens
    return tokens.filter(membership__user_id=actor.user_id)


def memberships_of(actor: Actor) -> QuerySet[Membership]:
    """The actor's own active memberships in the organisation it acts for, by key."""
    return Membership.objects.filter(
        user_id=actor.user_id, organization_id=actor.organization_id, is_active=True
    ).order_by("id")


def open_account_changes() -> QuerySet[BankAccountChange]:
    """The changes of bank accounts that are not decided or not in force yet: at most one a vendor."""
    return BankAccountChange.objects.filter(state__in=OPEN_ACCOUNT_CHANGES)


def proposed_account_changes() -> QuerySet[BankAccountChange]:
    """The changes of bank accounts that wait for an operator."""
    return BankAccountChange.objects.filter(state=AccountChangeState.PROPOSED)
