"""Who may enter which workspace: pure rules, so that the user model can answer without knowing any admin site."""

import enum
from collections.abc import Collection


class Workspace(enum.Enum):
    """One admin site. The value is (organisation's capacity, roles of its members who may enter)."""

    OPERATOR = ("operator", frozenset({"operator", "owner", "finance"}))
    VENDOR = ("vendor", frozenset({"owner", "lister", "finance"}))
    AUDITOR = ("regulator", frozenset({"auditor"}))

    def admits(self, role: str, capacities: Collection[str]) -> bool:
        """Whether a member in ``role`` of an organisation with ``capacities`` may enter."""
        capacity, roles = self.value
        if self is Workspace.AUDITOR and role == "auditor":
            return capacity in capacities or "operator" in capacities
        return capacity in capacities and role in roles
