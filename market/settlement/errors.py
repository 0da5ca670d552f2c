from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class NoFeeSchedule(BusinessError):
    """No fee schedule is in force, so nobody can say how an order's money is divided."""

    code = "no_fee_schedule"
    status = 409
    title = _("No fee schedule is in force")


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
