from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class OrganizationNotTrading(BusinessError):
    """The organisation is not verified, so it cannot list, order or be paid."""

    code = "organization_not_trading"
    status = 403
    title = _("The organisation is not verified for trading")


class ScopeTooWide(BusinessError):
    """A token may not do more than the membership it belongs to."""

    code = "scope_too_wide"
    status = 422
    title = _("The role does not allow these scopes")


class ChangeOpen(BusinessError):
    """Another change of the vendor's bank account is open; a vendor has one at a time."""

    code = "change_open"
    status = 409
    title = _("Another change of the bank account is open")


class ApproverNotIndependent(BusinessError):
    """Whoever asked for the change, or has ever been a member of the vendor, cannot decide on it."""

    code = "approver_not_independent"
    status = 403
    title = _("Somebody else must decide this")


class AlreadyRegistered(BusinessError):
    """The code, e-mail address or membership exists already; ``errors`` says which."""

    code = "already_registered"
    status = 409
    title = _("This is registered already")
