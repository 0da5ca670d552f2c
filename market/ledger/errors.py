from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class InsufficientFunds(BusinessError):
    """A guarded account holds less than the act needs; carries ``needed`` and ``available`` in fen when known."""

    code = "insufficient_funds"
    status = 409
    title = _("There is not enough money for this")


class AlreadyPosted(BusinessError):
    """The business key has been used: this act's money has moved before, and moves once."""

    code = "already_posted"
    status = 409
    title = _("This has already been posted")
