"""What several acts of this room check."""

import contextlib
from collections.abc import Iterator, Sequence

from django.db import IntegrityError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from accounts.errors import AlreadyRegistered
from accounts.states import Capacity, Role
from market.kernel.actors import Actor
from market.kernel.database import copy_together, insert_together, violated_constraint
from market.kernel.errors import InvalidInput

FEW = 100
"""Rows that go into one statement; of more, each model's are copied."""

TAKEN = {
    "accounts_organization_uscc": ("/uscc", _("An organisation with this code is registered already.")),
    "accounts_user_email": ("/email", _("A user with this e-mail address exists already.")),
    "membership_once": ("/role", _("This user has this role in this organisation already.")),
}
GUARDS = {
    "membership_role_fits_organization": ("/role", _("The organisation cannot give this role.")),
    "organization_operator_is_no_vendor": ("/capacities", _("The operator of an exchange may not sell on it.")),
}


def require_operator(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor is an operator of the organisation that runs the exchange."""
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)


def insert_all(*groups: Sequence[Model]) -> None:
    """Insert rows of several models: a few in one statement, many by ``COPY``, model by model in the given order."""
    if sum(map(len, groups)) <= FEW:
        insert_together(*groups)
        return
    for group in groups:
        copy_together(group)


@contextlib.contextmanager
def registering() -> Iterator[None]:
    """Turn what the room's constraints refuse into ``AlreadyRegistered`` or ``InvalidInput``."""
    try:
        yield
    except IntegrityError as error:
        constraint = violated_constraint(error)
        for name, (pointer, text) in TAKEN.items():
            if constraint.startswith(name):
                raise AlreadyRegistered(errors={pointer: text}) from error
        if constraint in GUARDS:
            pointer, text = GUARDS[constraint]
            raise InvalidInput(errors={pointer: text}) from error
        raise
