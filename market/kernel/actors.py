"""Who performs an act: a value handed to every write service, and frozen into the evidence."""

import dataclasses
import uuid

from market.kernel.errors import Forbidden


@dataclasses.dataclass(frozen=True, slots=True)
class Actor:
    """A user acting for an organisation in one role, or the exchange itself (``SYSTEM``).

    ``role`` is a value of ``accounts.states.Role``; ``capacities`` are the organisation's
    (``accounts.states.Capacity``); ``label`` is what the evidence shows for ever, even after a rename.
    """

    label: str
    role: str = ""
    user_id: uuid.UUID | None = None
    organization_id: uuid.UUID | None = None
    capacities: frozenset[str] = frozenset()

    def require_role(self, *roles: str) -> None:
        """Raise ``Forbidden`` unless the actor holds one of ``roles`` or is the exchange itself."""
        if self is not SYSTEM and self.role not in roles:
            raise Forbidden(roles=[str(role) for role in roles])

    def require_capacity(self, capacity: str) -> None:
        """Raise ``Forbidden`` unless the actor's organisation holds ``capacity`` (or it is the exchange itself)."""
        if self is not SYSTEM and capacity not in self.capacities:
            raise Forbidden(capacity=str(capacity))


SYSTEM = Actor(label="system")
"""The exchange acting by itself: beat, outbox handlers, operator commands."""
