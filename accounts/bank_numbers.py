"""Numbers of bank accounts, an IBAN (ISO 13616) or a number as domestic banks give it, and of their banks. Pure.

A payment to a domestic number finds its bank by the CNAPS code (联行号): three digits of the bank, four of the area,
four of the branch and a check digit. An IBAN names its bank itself; the bank's BIC (ISO 9362) may stand beside it.
"""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_IBAN = re.compile(r"[A-Z]{2}\d{2}[0-9A-Z]{11,30}", re.ASCII)
_DOMESTIC = re.compile(r"\d{8,32}", re.ASCII)
_CNAPS = re.compile(r"\d{12}", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)

CODE_LENGTH = 12
CODE_PATTERN = "^([0-9]{12}|[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?)?$"
"""A CNAPS code, a BIC, or nothing; what has 12 digits is no BIC."""


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


def is_domestic(number: str) -> bool:
    """Whether a plain number is one of a domestic bank, whose bank a payment does not find by the number."""
    return bool(_DOMESTIC.fullmatch(number))


def is_cnaps(code: str) -> bool:
    """Whether a bank code is a CNAPS code, not a BIC."""
    return bool(_CNAPS.fullmatch(code))


def check_digit(digits: str) -> str:
    """The last digit of a CNAPS code, over the others (ISO 7064, MOD 11,10; GB/T 17710)."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def code_fault(number: str, code: str) -> str | Promise | None:
    """What is wrong with a plain bank code beside a plain account number; None when nothing is, or there is no code."""
    if not code:
        return None
    if not number:
        return _("A bank code goes with a bank account: write that, too.")
    if not is_domestic(number):
        return None if _BIC.fullmatch(code) else _("An IBAN goes with the BIC of its bank: 8 or 11 letters and digits.")
    if not is_cnaps(code):
        return _("Write the CNAPS code (联行号) of the bank: 12 digits.")
    if check_digit(code[:-1]) != code[-1]:
        return _("The check digit of this CNAPS code (联行号) is wrong. Compare it with what your bank gave you.")
    return None


def shown_code(number: str, code: str) -> str | Promise:
    """The bank code as people see it: that it is missing where a payment needs it."""
    return code or (_("missing") if is_domestic(plain_number(number)) else "—")
