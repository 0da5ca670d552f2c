"""Acts on users and memberships."""

import uuid
from collections.abc import Iterable

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Organization, User
from accounts.services.rules import insert_all, registering, require_operator
from accounts.states import roles_of
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput, NotFound


def add_members(*, actor: Actor, members: Iterable[tuple[User, Organization, str]]) -> list[Membership]:
    """Create users (unsaved ones only) and their memberships, set-based, with an audit event each.

    A user without a password cannot sign in until one is set. Raises ``InvalidInput`` for a role that the
    organisation cannot give, ``AlreadyRegistered`` for an e-mail address or membership that exists.
    """
    require_operator(actor)
    rows = list(members)
    errors = {
        f"/{index}/role": _("The organisation cannot give this role.")
        for index, (_user, organization, role) in enumerate(rows)
        if role not in roles_of(organization.capacities)
    }
    if errors:
        raise InvalidInput(errors=errors)
    memberships = [Membership(user=user, organization=organization, role=role) for user, organization, role in rows]
    new_users = {user.id: user for user, _organization, _role in rows if user._state.adding}
    for user in new_users.values():
        user.email = user.email.lower()
        user.password = user.password or make_password(None)
    with registering(), transaction.atomic():
        insert_all(list(new_users.values()), memberships, [_added(membership, actor) for membership in memberships])
    return memberships


def add_member(
    *, actor: Actor, organization: Organization, role: str, email: str, name: str = "", password: str = ""
) -> Membership:
    """Give a person a role in an organisation; whoever is new is created with ``name`` and a first ``password``.

    Raises ``InvalidInput`` for a weak or missing password, for a password when the person exists already, and for a
    role the organisation cannot give; ``AlreadyRegistered`` when the person holds the role already.
    """
    require_operator(actor)
    user = User.objects.filter(email=email.lower()).first()
    if user is not None and password:
        raise InvalidInput(
            errors={"/password": _("This person exists already and keeps the password: leave the field empty.")}
        )
    if user is None:
        user = User(email=email.lower(), name=name)
        user.password = make_password(_checked(password, user))
    return add_members(actor=actor, members=[(user, organization, role)])[0]


def set_password(*, actor: Actor, user_id: uuid.UUID, password: str) -> None:
    """Give a user a new password; the sessions opened under the old one end. Raises ``InvalidInput``, ``NotFound``."""
    require_operator(actor)
    user = User.objects.filter(id=user_id).first()
    if user is None:
        raise NotFound
    hashed = make_password(_checked(password, user))
    with transaction.atomic():
        User.objects.filter(id=user_id).update(password=hashed)
        insert_together(event("user.password_set", actor=actor, subject=("user", user_id)))


def change_user_activity(*, actor: Actor, user_id: uuid.UUID, is_active: bool, reason: str) -> None:
    """Lock a person out of everything, tokens included, or let them in again. Nobody locks out themselves."""
    require_operator(actor)
    if actor.user_id == user_id:
        raise Forbidden(_("Ask another operator: you cannot lock yourself out."))
    with transaction.atomic():
        if not User.objects.filter(id=user_id, is_active=not is_active).update(is_active=is_active):
            raise NotFound
        name = "user.reactivated" if is_active else "user.deactivated"
        insert_together(event(name, actor=actor, subject=("user", user_id), payload={"reason": reason}))


def change_membership_activity(*, actor: Actor, membership_id: uuid.UUID, is_active: bool, reason: str) -> None:
    """End a membership, and with it its tokens and its way into the workspace, or restore it."""
    require_operator(actor)
    with transaction.atomic():
        found = Membership.objects.filter(id=membership_id, is_active=not is_active).first()
        if found is None:
            raise NotFound
        if found.user_id == actor.user_id:
            raise Forbidden(_("Ask another operator: you cannot end your own membership."))
        Membership.objects.filter(id=membership_id).update(is_active=is_active)
        insert_together(
            event(
                "membership.restored" if is_active else "membership.ended",
                actor=actor,
                subject=("membership", membership_id),
                on_behalf_of=found.organization_id,
                payload={"reason": reason},
            )
        )


def _added(membership: Membership, actor: Actor) -> AuditEvent:
    return event(
        "membership.added",
        actor=actor,
        subject=("membership", membership.id),
        on_behalf_of=membership.organization_id,
        payload={"user": str(membership.user_id), "role": membership.role},
    )


def _checked(password: str, user: User) -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(errors={"/password": " ".join(error.messages)}) from error
    return password
