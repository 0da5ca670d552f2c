from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class NothingToCancel(BusinessError):
    """The subscription is not going to be renewed anyway."""

    code = "nothing_to_cancel"
    status = 409
    title = _("This subscription ends with its term")


class NothingToResume(BusinessError):
    """The subscription was not cancelled, or its end was agreed with the vendor."""

    code = "nothing_to_resume"
    status = 409
    title = _("There is no cancellation to take back")


class TooLateToDecline(BusinessError):
    """The buyer has been told that the subscription is renewed, or will be today."""

    code = "too_late_to_decline"
    status = 409
    title = _("The notice of renewal is due: the buyer may count on another term")
