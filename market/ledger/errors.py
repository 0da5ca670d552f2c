from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class InsufficientFunds(BusinessError):
    """A guarded account holds less than the act needs; carries ``needed`` and ``available`` in fen when known."""

    code = "insufficient_funds"
    status = 409
    title = _("There is not enough money for this")


class BeyondEscrow(BusinessError):
    """More would leave escrow for an order than went into it."""

    code = "beyond_escrow"
    status = 409
    title = _("The order's escrow does not hold that much")


class AlreadyPosted(BusinessError):
    """The business key has been used: this act's money has moved before, and moves once."""

    code = "already_posted"
    status = 409
    title = _("This has already been posted")


class NotReversible(BusinessError):
    """The transfer belongs to a trade or a payout, whose own acts bring its money back."""

    code = "not_reversible"
    status = 409
    title = _("This transfer is not reversed by itself")


class AlreadyReversed(BusinessError):
    """The transfer has been reversed, or somebody has proposed that already."""

    code = "already_reversed"
    status = 409
    title = _("This transfer has a correction already")


class DayClosed(BusinessError):
    """The transfer would be posted into a business day whose books are closed."""

    code = "day_closed"
    status = 409
    title = _("The books of that day are closed")


class BooksBusy(BusinessError):
    """Postings that began before the day was closed have not ended yet."""

    code = "books_busy"
    status = 409
    title = _("Postings of that day are still under way")
