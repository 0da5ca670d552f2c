"""Who exists and who may act: organisations, people, memberships and API tokens."""

from accounts.services.bank_accounts import (
    approve_bank_account,
    propose_bank_account,
    put_bank_account_in_force,
    refuse_bank_account,
    withdraw_bank_account,
)
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
    "approve_bank_account",
    "change_membership_activity",
    "change_organization_state",
    "change_user_activity",
    "derive_token",
    "edit_organization",
    "issue_tokens",
    "propose_bank_account",
    "put_bank_account_in_force",
    "refuse_bank_account",
    "register_organizations",
    "revoke_token",
    "set_password",
    "withdraw_bank_account",
]
