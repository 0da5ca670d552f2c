from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class IdempotencyKeyMissing(BusinessError):
    """The operation moves money or makes rows, and came without an ``Idempotency-Key``."""

    code = "idempotency_key_missing"
    status = 400
    title = _("The Idempotency-Key header is required")


class IdempotencyKeyReused(BusinessError):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    status = 422
    title = _("This Idempotency-Key was used for a different request")


class RequestInFlight(BusinessError):
    """The same key is being worked on at this moment."""

    code = "request_in_flight"
    status = 409
    title = _("A request with this Idempotency-Key is still being processed")


class BodyTooLarge(BusinessError):
    """The JSON body is over the limit."""

    code = "body_too_large"
    status = 413
    title = _("The request body is too large")
