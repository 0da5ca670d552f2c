from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class ClientReferenceTaken(BusinessError):
    """The buyer has used this reference for an order before; carries that order's key as ``order`` when known."""

    code = "client_reference_taken"
    status = 409
    title = _("This client reference belongs to an order you have already placed")


class AlreadyRenewed(BusinessError):
    """Another order goes on with this one's contract."""

    code = "already_renewed"
    status = 409
    title = _("This contract has been renewed already")


class OwnOffer(BusinessError):
    """An organisation cannot buy from itself."""

    code = "own_offer"
    status = 409
    title = _("This is your own organisation's offer")


class WalletMissing(BusinessError):
    """The buyer has no wallet or escrow account yet."""

    code = "wallet_missing"
    status = 409
    title = _("Your organisation has no wallet on the exchange yet")


class AcceptancePeriodOver(BusinessError):
    """The time in which a delivery can be disputed has passed; it is being accepted by itself."""

    code = "acceptance_period_over"
    status = 409
    title = _("The acceptance period is over")


class AnswerTooLate(BusinessError):
    """The vendor's time to answer a dispute has passed; the operator decides without it."""

    code = "answer_too_late"
    status = 409
    title = _("The time to answer is over")


class LinesRefused(BusinessError):
    """Some lines of a group cannot be accepted or disputed, so none was; carries ``results``, one a line."""

    code = "lines_refused"
    status = 409
    title = _("Some of these lines cannot be accepted or disputed, so nothing has happened")


class AmendmentOpen(BusinessError):
    """One change of a contract is proposed at a time; carries the open ``amendment`` when it is known."""

    code = "amendment_open"
    status = 409
    title = _("Another change of this contract waits for an answer")


class NotAmendable(BusinessError):
    """The order's state, or the kind of contract, does not allow this change (any more); carries ``state``."""

    code = "not_amendable"
    status = 409
    title = _("This cannot be changed in the contract as it stands now")


class AmendmentRunOut(BusinessError):
    """The time in which it could be confirmed is over; carries ``due_at``."""

    code = "amendment_run_out"
    status = 409
    title = _("The time to answer this proposal is over")


class BulkRefused(BusinessError):
    """Some line of an all-or-nothing request cannot be placed, so none was; ``lines`` says which and why."""

    code = "bulk_refused"
    status = 409
    title = _("Some lines cannot be placed, so none was")
