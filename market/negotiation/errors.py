from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class OwnProduct(BusinessError):
    """An organisation cannot ask itself for a quote."""

    code = "own_product"
    status = 409
    title = _("This is your own organisation's product")


class QuoteRunOut(BusinessError):
    """The deadline has passed: an offer's ``valid_until``, or the time to answer. Carries ``due_at``."""

    code = "quote_run_out"
    status = 409
    title = _("The time of this quote has run out")


class OfferChanged(BusinessError):
    """The offer that the buyer names is not the quote's current one; carries ``current_offer``."""

    code = "offer_changed"
    status = 409
    title = _("The offer is no longer the current one")


class TooManyRounds(BusinessError):
    """A quote has so many rounds at most; carries ``most``."""

    code = "too_many_rounds"
    status = 409
    title = _("This quote has had all its rounds")
