"""Online payment providers: what is asked of one stands in ``base``; each has a file of its own.

Another one is a class like ``stripe.StripeCheckout`` and a line in ``ADAPTERS``; nothing else knows who pays how. A
library is loaded only where ``PAYMENT_PROVIDERS`` names its provider.
"""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from market.banking.errors import NoProvider
from market.banking.providers.base import PaymentProvider

ADAPTERS = {"stripe": "market.banking.providers.stripe.StripeCheckout"}
"""The providers that the exchange can work with, by the name that ``PAYMENT_PROVIDERS`` knows them by."""


def provider(name: str = "") -> PaymentProvider:
    """The configured provider of that name, or the first.

    Raises ``NoProvider``, ``ImproperlyConfigured`` when it is named in the settings and not set up.
    """
    name = name or next(iter(settings.PAYMENT_PROVIDERS), "")
    if name not in settings.PAYMENT_PROVIDERS:
        raise NoProvider(_("Pay by bank transfer, with the remittance code of your wallet."))
    if name not in ADAPTERS:
        raise ImproperlyConfigured(f"PAYMENT_PROVIDERS names {name}: there are {', '.join(ADAPTERS)}.")
    return import_string(ADAPTERS[name])()
