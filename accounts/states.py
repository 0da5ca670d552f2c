from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel.states import TransitionTable


class OrganizationState(models.TextChoices):
    """An organisation trades only while ``verified``."""

    PENDING = "pending", _("pending")
    VERIFIED = "verified", _("verified")
    SUSPENDED = "suspended", _("suspended")
    CLOSED = "closed", _("closed")


ORGANIZATION_MOVES = TransitionTable(
    {
        OrganizationState.PENDING: [OrganizationState.VERIFIED, OrganizationState.CLOSED],
        OrganizationState.VERIFIED: [OrganizationState.SUSPENDED, OrganizationState.CLOSED],
        OrganizationState.SUSPENDED: [OrganizationState.VERIFIED, OrganizationState.CLOSED],
    }
)


class AccountChangeState(models.TextChoices):
    """A change of a bank account waits for the exchange, then cools; until it is in force it can be ended."""

    PROPOSED = "proposed", _("waits for the exchange")
    COOLING = "cooling", _("approved, not in force yet")
    IN_FORCE = "in_force", _("in force")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", pgettext_lazy("change of a bank account", "withdrawn")


ACCOUNT_CHANGE_MOVES = TransitionTable(
    {
        AccountChangeState.PROPOSED: [
            AccountChangeState.COOLING,
            AccountChangeState.REFUSED,
            AccountChangeState.WITHDRAWN,
        ],
        AccountChangeState.COOLING: [
            AccountChangeState.IN_FORCE,
            AccountChangeState.REFUSED,
            AccountChangeState.WITHDRAWN,
        ],
    }
)
OPEN_ACCOUNT_CHANGES = (AccountChangeState.PROPOSED, AccountChangeState.COOLING)


class Capacity(models.TextChoices):
    """What an organisation may be on the exchange; one may hold several."""

    VENDOR = "vendor", _("data vendor")
    SERVICE_PROVIDER = "service_provider", _("third-party service provider")
    BUYER = "buyer", _("buyer")
    OPERATOR = "operator", _("operator")
    REGULATOR = "regulator", _("regulator")


SUPERVISORS = frozenset({Capacity.OPERATOR, Capacity.REGULATOR})
"""Whose members see every trade: who runs the exchange, and who watches it."""


class Role(models.TextChoices):
    """What a member does for its organisation."""

    OWNER = "owner", _("owner")
    LISTER = "lister", _("lister")
    PURCHASER = "purchaser", _("purchaser")
    FINANCE = "finance", _("finance")
    AUDITOR = "auditor", _("auditor")
    OPERATOR = "operator", _("operator")


ROLES_OF_CAPACITY: dict[str, frozenset[str]] = {
    Capacity.VENDOR: frozenset({Role.OWNER, Role.LISTER, Role.FINANCE}),
    Capacity.SERVICE_PROVIDER: frozenset({Role.OWNER, Role.LISTER, Role.FINANCE}),
    Capacity.BUYER: frozenset({Role.OWNER, Role.PURCHASER, Role.FINANCE}),
    Capacity.OPERATOR: frozenset({Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.AUDITOR}),
    Capacity.REGULATOR: frozenset({Role.OWNER, Role.AUDITOR}),
}
"""Which roles an organisation may give, by what it is: nobody becomes an operator inside a vendor."""


def roles_of(capacities: Iterable[str]) -> frozenset[str]:
    """The roles that members of an organisation with ``capacities`` may hold."""
    return frozenset().union(*(ROLES_OF_CAPACITY.get(capacity, frozenset()) for capacity in capacities))


class TaxpayerType(models.TextChoices):
    """Decides the VAT rate on what a vendor earns."""

    GENERAL = "general", _("general taxpayer")
    SMALL_SCALE = "small_scale", _("small-scale taxpayer")
    EXEMPT = "exempt", _("exempt from VAT")


class Scope(models.TextChoices):
    """What a token may be used for."""

    CATALOG_READ = "catalog:read", _("read the catalogue")
    ORDERS_READ = "orders:read", _("read orders")
    ORDERS_WRITE = "orders:write", _("place, cancel and accept orders")
    ORDERS_APPROVE = "orders:approve", _("approve orders and set spending limits")
    USAGE_WRITE = "usage:write", _("report metered use")
    DISPUTES_WRITE = "disputes:write", _("answer and decide disputes")
    DELIVERY_READ = "delivery:read", _("receive what was bought")
    PAYMENTS_WRITE = "payments:write", _("start online payments")
    LEDGER_READ = "ledger:read", _("read balances and transfers")
    SETTLEMENT_READ = "settlement:read", _("read settlement batches and payouts")
    SETTLEMENT_WRITE = "settlement:write", _("refund what was captured")
    INVOICES_READ = "invoices:read", _("read invoices")
    INVOICES_WRITE = "invoices:write", _("request invoices")
    REPORTS_READ = "reports:read", _("read reports")
    REPORTS_WRITE = "reports:write", _("request reports")
    ACCOUNT_READ = "account:read", _("read the own account")
    TOKENS_WRITE = "tokens:write", _("derive narrower tokens and revoke tokens")


SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(Scope.values) - {Scope.REPORTS_READ, Scope.REPORTS_WRITE, Scope.SETTLEMENT_WRITE},
    Role.LISTER: frozenset(
        {
            Scope.CATALOG_READ,
            Scope.ORDERS_READ,
            Scope.DISPUTES_WRITE,
            Scope.USAGE_WRITE,
            Scope.ACCOUNT_READ,
            Scope.TOKENS_WRITE,
        }
    ),
    Role.PURCHASER: frozenset(
        {
            Scope.CATALOG_READ,
            Scope.ORDERS_READ,
            Scope.ORDERS_WRITE,
            Scope.DELIVERY_READ,
            Scope.PAYMENTS_WRITE,
            Scope.LEDGER_READ,
            Scope.INVOICES_READ,
            Scope.INVOICES_WRITE,
            Scope.ACCOUNT_READ,
            Scope.TOKENS_WRITE,
        }
    ),
    Role.FINANCE: frozenset(
        {
            Scope.CATALOG_READ,
            Scope.ORDERS_READ,
            Scope.ORDERS_APPROVE,
            Scope.PAYMENTS_WRITE,
            Scope.LEDGER_READ,
            Scope.INVOICES_READ,
            Scope.INVOICES_WRITE,
            Scope.SETTLEMENT_READ,
            Scope.ACCOUNT_READ,
            Scope.TOKENS_WRITE,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            Scope.CATALOG_READ,
            Scope.ORDERS_READ,
            Scope.LEDGER_READ,
            Scope.INVOICES_READ,
            Scope.SETTLEMENT_READ,
            Scope.REPORTS_READ,
            Scope.REPORTS_WRITE,
            Scope.ACCOUNT_READ,
            Scope.TOKENS_WRITE,
        }
    ),
    Role.OPERATOR: frozenset(Scope.values)
    - {
        Scope.ORDERS_WRITE,
        Scope.ORDERS_APPROVE,
        Scope.PAYMENTS_WRITE,
        Scope.INVOICES_WRITE,
        Scope.USAGE_WRITE,
        Scope.DELIVERY_READ,
    },
}
"""The most a token of a membership may be given; a token may ask for less."""
