"""Numbers of bank accounts: an IBAN (ISO 13616), or a number as domestic banks give it. Pure."""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_IBAN = re.compile(r"[A-Z]{2}\d{2}[0-9A-Z]{11,30}", re.ASCII)
_DOMESTIC = re.compile(r"\d{8,32}", re.ASCII)


def plain_number(number: str) -> str:
    """The number as it is kept: without the blanks and hyphens that people write for their eyes, in capitals."""
    return re.sub(r"[\s-]+", "", number).upper()


def is_iban(number: str) -> bool:
    """Whether a plain number is an IBAN with the right check digits (ISO 7064, MOD 97-10)."""
    if not _IBAN.fullmatch(number):
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def fault(number: str) -> str | Promise | None:
    """What is wrong with a plain number, so that nobody could be paid there; None when nothing is.

    Domestic numbers are 8 to 32 digits; each bank has its own rules for the check digit, or none.
    """
    if _DOMESTIC.fullmatch(number):
        return None
    if number[:2].isascii() and number[:2].isalpha():
        return None if is_iban(number) else _("The check digits of this IBAN are wrong. Compare it with your contract.")
    return _("Write the account number: 8 to 32 digits, or an IBAN.")
