"""What people write in disputes."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from market.catalog.services.rules import Findings
from market.catalog.validators import clean_text
from market.orders.states import DisputeReason

MAX_TEXT = 5000


def spoken(findings: Findings, pointer: str, text: str) -> str:
    """The text without white space around it; noted under ``pointer`` when there is none, or too much of it."""
    with findings.at(pointer):
        text = clean_text(text, most=MAX_TEXT)
        if not text:
            raise ValidationError(_("Say something: the other side will read it."))
    return text


def objection(findings: Findings, pointer: str, reason: str, text: str) -> str:
    """The cleaned text of an objection; what is wrong with it or its reason code is noted."""
    if reason not in DisputeReason.values:
        findings.errors[f"{pointer}/reason"] = _("Choose one of the reasons.")
    return spoken(findings, f"{pointer}/text", text)
