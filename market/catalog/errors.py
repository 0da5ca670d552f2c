from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class OfferNotOrderable(BusinessError):
    """The offer exists and may be seen, but cannot be ordered now; the detail says why."""

    code = "offer_not_orderable"
    status = 409
    title = _("This offer cannot be ordered")


class ApprovalNeeded(BusinessError):
    """Important data (GB/T 43697-2024) is sold only to a buyer that was approved for it."""

    code = "approval_needed"
    status = 403
    title = _("This product needs an approval for each buyer")
