"""Online payment providers: what is asked of one stands in ``base``; each has a file of its own.

Another one is a class like ``stripe.StripeCheckout`` and a line in ``ADAPTERS``; nothing else knows who pays how. A
library is loaded only where ``PAYMENT_PROVIDERS`` names its provider.
"""

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from market.banking.errors import NoProvider
from market.banking.providers.base import PaymentProvider

ADAPTERS = {"stripe": "market.banking.providers.stripe.StripeCheckout"}
"""The providers that the exchange can work with, by the name that ``PAYMENT_PROVIDERS`` knows them by."""


def provider(name: str = "") -> PaymentProvider:
    """The configured provider of that name, or the first. Raises ``NoProvider``."""
    name = name or next(iter(settings.PAYMENT_PROVIDERS), "")
    if name not in settings.PAYMENT_PROVIDERS or name not in ADAPTERS:
        raise NoProvider(_("Pay by bank transfer, with the remittance code of your wallet."))
    return import_string(ADAPTERS[name])()
