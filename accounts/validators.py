from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import uscc


def validate_uscc(value: str) -> None:
    """Django validator for a Unified Social Credit Code (GB 32100-2015)."""
    if not uscc.is_valid(value):
        raise ValidationError(
            _("%(value)s is not a valid Unified Social Credit Code: check its 18 characters."),
            code="invalid_uscc",
            params={"value": value},
        )
