from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class LinkInvalid(BusinessError):
    """The link was altered, cut short, or signed by somebody else."""

    code = "link_invalid"
    status = 403
    title = _("This download link is not valid")


class LinkExpired(BusinessError):
    """The link was good once."""

    code = "link_expired"
    status = 410
    title = _("This download link has expired")


class EntitlementRevoked(BusinessError):
    """An operator has taken the right to download away."""

    code = "entitlement_revoked"
    status = 403
    title = _("The right to download this was revoked")


class EntitlementEnded(BusinessError):
    """The period in which the data could be downloaded is over."""

    code = "entitlement_ended"
    status = 403
    title = _("The right to download this has ended")


class EntitlementSuspended(BusinessError):
    """A payment of the contract is late: nothing can be downloaded until it is made."""

    code = "entitlement_suspended"
    status = 403
    title = _("The right to download this is suspended")


class AlreadyRevoked(BusinessError):
    """The entitlement was revoked before."""

    code = "already_revoked"
    status = 409
    title = _("This entitlement has been revoked already")


class RangeNotSatisfiable(BusinessError):
    """The asset has no byte of the range asked for; ``bytes`` is how many it has."""

    code = "range_not_satisfiable"
    status = 416
    title = _("The requested byte range lies outside the file")


class PreconditionFailed(BusinessError):
    """``If-Match`` names another content than this."""

    code = "precondition_failed"
    status = 412
    title = _("The file is not the one you asked for")


class AssetUnavailable(BusinessError):
    """The file should be in the store, and is not, or is not whole."""

    code = "asset_unavailable"
    status = 503
    title = _("The file cannot be read at the moment")
