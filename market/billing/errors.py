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


class NotMetered(BusinessError):
    """The order has no meter: its price is not by use, or it has not been accepted."""

    code = "not_metered"
    status = 409
    title = _("This order is not metered")


class MeterEnded(BusinessError):
    """The contract is over and its last statement made."""

    code = "meter_ended"
    status = 409
    title = _("The metered contract has ended")


class RecordDiffers(BusinessError):
    """A record of this id was reported before with other content; ``errors`` names what differs."""

    code = "usage_record_differs"
    status = 409
    title = _("Another record has this id")


class NotReversible(BusinessError):
    """What a record would take back is not there, is itself a reversal, or has been taken back."""

    code = "usage_not_reversible"
    status = 409
    title = _("This cannot be taken back")


class PrepaymentUsedUp(BusinessError):
    """The prepayment does not cover the record; carries ``needed`` and ``left`` in fen."""

    code = "prepayment_used_up"
    status = 409
    title = _("What was paid ahead is used up")


class OutsideContract(BusinessError):
    """The use lies before the delivery, after the contract's end, or in the future."""

    code = "use_outside_contract"
    status = 422
    title = _("The contract does not cover this use")
