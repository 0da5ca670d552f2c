"""Who exists and who may act: organisations, people, memberships and API tokens."""

from accounts.services.organizations import change_organization_state, edit_organization, register_organizations
from accounts.services.people import (
    add_member,
    add_members,
    change_membership_activity,
    change_user_activity,
    set_password,
)
from accounts.services.tokens import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    derive_token,
    issue_tokens,
    revoke_token,
)

__all__ = [
    "DEFAULT_LIFETIME",
    "MAX_LIFETIME",
    "add_member",
    "add_members",
    "change_membership_activity",
    "change_organization_state",
    "change_user_activity",
    "derive_token",
    "edit_organization",
    "issue_tokens",
    "register_organizations",
    "revoke_token",
    "set_password",
]
