from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class NoFeeSchedule(BusinessError):
    """No fee schedule is in force, so nobody can say how an order's money is divided."""

    code = "no_fee_schedule"
    status = 409
    title = _("No fee schedule is in force")


class AlreadyAnnounced(BusinessError):
    """The fee schedule is no draft any more."""

    code = "already_announced"
    status = 409
    title = _("An announced fee schedule never changes")


class NotCapturable(BusinessError):
    """The charge is unknown, its order not accepted, or an account missing; ``charges`` has the reason of each."""

    code = "not_capturable"
    status = 409
    title = _("The order's money cannot be divided")


class PayoutHeld(BusinessError):
    """The payout cannot be sent now; carries ``hold``, the reason as in ``PayoutHold``."""

    code = "payout_held"
    status = 409
    title = _("The payout cannot be sent")


class PayoutsStopped(BusinessError):
    """The books do not add up, so no payment leaves until two operators have dealt with it; carries ``stop``."""

    code = "payouts_stopped"
    status = 409
    title = _("Payments to vendors are stopped")


class StopNotExplained(BusinessError):
    """Nobody has explained the drift yet, or it was found again after the explanation."""

    code = "stop_not_explained"
    status = 409
    title = _("The drift is not explained yet")


class BeyondCaptured(BusinessError):
    """More would go back than was captured and not refunded before; carries what ``remains`` in fen."""

    code = "beyond_captured"
    status = 409
    title = _("That much has not been captured")


class AlreadyRefunded(BusinessError):
    """The order has been refunded under this reference."""

    code = "already_refunded"
    status = 409
    title = _("This has already been refunded")
