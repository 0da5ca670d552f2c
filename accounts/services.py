"""Who exists and who may act: organisations, people, memberships and API tokens."""

import datetime
import secrets
import string
import uuid
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import uscc as unified_code
from accounts.errors import ScopeTooWide
from accounts.models import ApiToken, Membership, Organization, User
from accounts.states import ORGANIZATION_MOVES, SCOPES_OF_ROLE, OrganizationState, Role
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.errors import InvalidInput, NotFound

TOKEN_LIFETIME = datetime.timedelta(days=90)
PREFIX_LETTERS = string.ascii_lowercase + string.digits


def register_organizations(*, actor: Actor, organizations: Sequence[Organization]) -> list[Organization]:
    """Register any number of organisations in one statement, with an audit event each.

    The instances are unsaved and complete but for their key. Raises ``InvalidInput`` naming the first wrong code;
    the database refuses a code that exists already.
    """
    actor.require_role(Role.OPERATOR)
    for index, organization in enumerate(organizations):
        if not unified_code.is_valid(organization.uscc):
            raise InvalidInput(errors={f"/{index}/uscc": _("Not a valid Unified Social Credit Code.")})
    with transaction.atomic():
        insert_together(
            organizations,
            [
                event(
                    "organization.registered",
                    actor=actor,
                    subject=("organization", organization.id),
                    payload={
                        "uscc": organization.uscc,
                        "name": organization.name,
                        "capacities": list(organization.capacities),
                    },
                )
                for organization in organizations
            ],
        )
    return list(organizations)


def change_organization_state(*, actor: Actor, organization_id: uuid.UUID, state: str, reason: str = "") -> None:
    """Verify, suspend, reopen or close an organisation. Raises ``IllegalTransition`` or ``NotFound``."""
    actor.require_role(Role.OPERATOR)
    with transaction.atomic():
        move_state(Organization.objects.filter(id=organization_id), ORGANIZATION_MOVES, OrganizationState(state))
        insert_together(
            event(
                f"organization.{state}",
                actor=actor,
                subject=("organization", organization_id),
                on_behalf_of=organization_id,
                payload={"reason": reason},
            )
        )


def add_members(*, actor: Actor, members: Iterable[tuple[User, Organization, str]]) -> list[Membership]:
    """Create users (unsaved ones only) and their memberships, set-based, with an audit event each."""
    actor.require_role(Role.OPERATOR)
    rows = list(members)
    memberships = [Membership(user=user, organization=organization, role=role) for user, organization, role in rows]
    new_users = {user.id: user for user, _organization, _role in rows if user._state.adding}
    with transaction.atomic():
        insert_together(
            new_users.values(),
            memberships,
            [
                event(
                    "membership.added",
                    actor=actor,
                    subject=("membership", membership.id),
                    on_behalf_of=membership.organization_id,
                    payload={"user": str(membership.user_id), "role": membership.role},
                )
                for membership in memberships
            ],
        )
    return memberships


def issue_tokens(
    *,
    actor: Actor,
    memberships: Sequence[Membership],
    name: str,
    scopes: Iterable[str] | None = None,
    lifetime: datetime.timedelta = TOKEN_LIFETIME,
) -> list[str]:
    """Issue one API token a membership and return the secrets, in order: they are shown this once.

    ``scopes`` defaults to all that the role allows. Raises ``ScopeTooWide`` when more is asked for.
    """
    tokens, texts = [], []
    for membership in memberships:
        allowed = SCOPES_OF_ROLE[membership.role]
        wanted = frozenset(scopes) if scopes is not None else allowed
        if not wanted <= allowed:
            raise ScopeTooWide(errors={"/scopes": ", ".join(sorted(wanted - allowed))})
        if actor.role != Role.OPERATOR and actor.user_id is not None and actor.user_id != membership.user_id:
            raise NotFound
        prefix = "".join(secrets.choice(PREFIX_LETTERS) for _position in range(12))
        secret = secrets.token_urlsafe(32)
        tokens.append(
            ApiToken(
                membership=membership,
                name=name,
                prefix=prefix,
                digest=ApiToken.digest_of(secret),
                scopes=sorted(wanted),
                expires_at=clock.now() + lifetime,
            )
        )
        texts.append(f"qs_{prefix}_{secret}")
    with transaction.atomic():
        insert_together(
            tokens,
            [
                event(
                    "api_token.issued",
                    actor=actor,
                    subject=("api_token", token.id),
                    on_behalf_of=token.organization_id,
                    payload={"prefix": token.prefix, "scopes": token.scopes},
                )
                for token in tokens
            ],
        )
    return texts


def revoke_token(*, actor: Actor, token_id: uuid.UUID) -> None:
    """Make a token useless at once. Its owner or an operator may; for others it does not exist."""
    tokens = ApiToken.objects.filter(id=token_id, revoked_at=None)
    if actor.role != Role.OPERATOR:
        tokens = tokens.filter(membership__user_id=actor.user_id)
    with transaction.atomic():
        if not ApiToken.objects.filter(id__in=tokens.values("id")).update(revoked_at=clock.now()):
            raise NotFound
        insert_together(event("api_token.revoked", actor=actor, subject=("api_token", token_id)))
