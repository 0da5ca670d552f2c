from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from accounts import uscc
from accounts.bank_numbers import CODE_PATTERN


def validate_uscc(value: str) -> None:
    """Django validator for a Unified Social Credit Code (GB 32100-2015)."""
    if not uscc.is_valid(value):
        raise ValidationError(
            _("%(value)s is not a valid Unified Social Credit Code: check its 18 characters."),
            code="invalid_uscc",
            params={"value": value},
        )


validate_bank_code = RegexValidator(
    CODE_PATTERN, _("Write the CNAPS code (联行号) of the bank, 12 digits, or its BIC beside an IBAN.")
)
