"""Acts on API tokens. A secret is returned once, by the act that makes it, and kept nowhere."""

import datetime
import secrets
import string
import uuid
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import ScopeTooWide
from accounts.models import ApiToken, Membership
from accounts.selectors import tokens_visible_to
from accounts.services.rules import insert_all
from accounts.states import SCOPES_OF_ROLE, Capacity, Role, Scope
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.kernel.errors import InvalidInput, NotFound
from market.kernel.locks import lock_in_order

DEFAULT_LIFETIME = datetime.timedelta(days=90)
MAX_LIFETIME = datetime.timedelta(days=366)
PREFIX_LETTERS = string.ascii_lowercase + string.digits


def issue_tokens(
    *,
    actor: Actor,
    memberships: Sequence[Membership],
    name: str,
    scopes: Iterable[str] | None = None,
    lifetime: datetime.timedelta = DEFAULT_LIFETIME,
) -> list[str]:
    """Issue one API token a membership and return the secrets, in order: they are shown this once.

    People issue tokens to themselves, operators to anybody. ``scopes`` defaults to all that the role allows.
    Raises ``ScopeTooWide`` when more is asked for, ``InvalidInput`` for a lifetime out of range, ``NotFound`` for
    somebody else's membership.
    """
    _check_lifetime(lifetime)
    wanted = frozenset(scopes) if scopes is not None else None
    made = []
    for membership in memberships:
        if not _may_issue(actor, membership):
            raise NotFound
        allowed = SCOPES_OF_ROLE[membership.role]
        given = allowed if wanted is None else wanted
        _check_scopes(given, allowed)
        made.append(_new_token(membership, name, given, clock.now() + lifetime))
    with transaction.atomic():
        tokens = [token for token, _text in made]
        insert_all(tokens, [_proof("api_token.issued", actor, token) for token in tokens])
    return [text for _token, text in made]


def derive_token(
    *,
    actor: Actor,
    parent_id: uuid.UUID,
    name: str,
    scopes: Iterable[str],
    lifetime: datetime.timedelta = DEFAULT_LIFETIME,
) -> tuple[ApiToken, str]:
    """Make a narrower token from the one in use; returns it with its secret, shown this once.

    It carries scopes of its parent only, never ``tokens:write``, ends no later than its parent, and is revoked with
    it: a stolen token cannot outlive its own revocation.

    Raises ``ScopeTooWide``, ``InvalidInput``, or ``NotFound`` when the parent is not the actor's or no longer good.
    """
    _check_lifetime(lifetime)
    wanted = frozenset(scopes)
    with transaction.atomic():
        # Locked: a revocation waits until the child is there to be revoked with its parent.
        parent = (
            lock_in_order(ApiToken.objects.filter(id=parent_id, membership__user_id=actor.user_id))
            .select_related("membership__user", "membership__organization")
            .first()
        )
        if parent is None or not parent.is_usable:
            raise NotFound
        _check_scopes(wanted, frozenset(parent.scopes) - {Scope.TOKENS_WRITE})
        expires_at = min(clock.now() + lifetime, parent.expires_at)
        token, text = _new_token(parent.membership, name, wanted, expires_at)
        token.derived_from = parent
        insert_together(token, _proof("api_token.derived", actor, token, derived_from=str(parent.id)))
    return token, text


def revoke_token(*, actor: Actor, token_id: uuid.UUID) -> None:
    """Make a token, and every token derived from it, useless at once.

    Its owner may, an owner of the organisation, or an operator; for others it does not exist (``NotFound``).
    """
    with transaction.atomic():
        visible = tokens_visible_to(actor).filter(id=token_id, revoked_at=None)
        now = clock.now()
        if not ApiToken.objects.filter(id__in=visible.values("id"), revoked_at=None).update(revoked_at=now):
            raise NotFound
        token = ApiToken.objects.select_related("membership").get(id=token_id)
        # A second statement: it sees what was derived while the first one waited for the parent.
        ApiToken.objects.filter(derived_from_id=token_id, revoked_at=None).update(revoked_at=now)
        insert_together(_proof("api_token.revoked", actor, token))


def _may_issue(actor: Actor, membership: Membership) -> bool:
    if actor is SYSTEM or (actor.role == Role.OPERATOR and Capacity.OPERATOR in actor.capacities):
        return True
    return (
        actor.user_id is not None
        and actor.user_id == membership.user_id
        and actor.organization_id == membership.organization_id
    )


def _check_scopes(wanted: frozenset[str], allowed: frozenset[str]) -> None:
    if not wanted:
        raise InvalidInput(errors={"/scopes": _("Choose at least one scope.")})
    if not wanted <= allowed:
        raise ScopeTooWide(errors={"/scopes": ", ".join(sorted(wanted - allowed))})


def _check_lifetime(lifetime: datetime.timedelta) -> None:
    if not datetime.timedelta() < lifetime <= MAX_LIFETIME:
        raise InvalidInput(errors={"/days": _("1 to %(days)d days.") % {"days": MAX_LIFETIME.days}})


def _new_token(
    membership: Membership, name: str, scopes: Iterable[str], expires_at: datetime.datetime
) -> tuple[ApiToken, str]:
    prefix = "".join(secrets.choice(PREFIX_LETTERS) for _position in range(12))
    secret = secrets.token_urlsafe(32)
    token = ApiToken(
        membership=membership,
        name=name,
        prefix=prefix,
        digest=ApiToken.digest_of(secret),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    return token, f"qs_{prefix}_{secret}"


def _proof(name: str, actor: Actor, token: ApiToken, **more: str) -> AuditEvent:
    return event(
        name,
        actor=actor,
        subject=("api_token", token.id),
        on_behalf_of=token.organization_id,
        payload={
            "prefix": token.prefix,
            "scopes": token.scopes,
            "membership": str(token.membership_id),
            "expires_at": token.expires_at.isoformat(),
            **more,
        },
    )
