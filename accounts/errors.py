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


class AlreadyRegistered(BusinessError):
    """The code, e-mail address or membership exists already; ``errors`` says which."""

    code = "already_registered"
    status = 409
    title = _("This is registered already")
