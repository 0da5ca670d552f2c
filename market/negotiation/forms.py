"""What a vendor is asked when it answers; the services decide, and what they refuse stands beside the field."""

import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from market.catalog.forms import OfferForm
from market.kernel import clock
from market.negotiation.services.steps import MAX_MESSAGE
from market.orders.services.placing import MAX_QUANTITY

TERMS = [name for name in OfferForm.base_fields if name not in ("buyer_org", "last_day")]
"""What any offer says, whatever its price model; the rest of the form is the quote's own."""


class MessageField(forms.CharField):
    """Words to the other side."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {"label": _("Message to the buyer"), "max_length": MAX_MESSAGE, "widget": UnfoldAdminTextareaWidget}
        super().__init__(**defaults | kwargs)


class AnswerForm(OfferForm):
    """A private offer: what any offer says, but for this buyer, until a day, and with a word about it."""

    buyer_org = None
    least_quantity = forms.IntegerField(
        label=_("For at least (units)"),
        required=False,
        min_value=1,
        max_value=MAX_QUANTITY,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The price holds for an order of so many units or more. Empty for any number."),
    )
    message = MessageField(required=False, help_text=_("How the offer meets the wishes, and where it does not."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        last_day = self.fields["last_day"]
        last_day.required = True
        last_day.initial = clock.business_date() + datetime.timedelta(days=14)
        last_day.help_text = _("The last day on which the buyer can accept. You can withdraw it before.")


def answer_of(given: dict[str, Any]) -> dict[str, Any]:
    """What ``services.make_offer`` takes, from the form's values."""
    return {
        "terms": {name: given[name] for name in TERMS},
        "valid_until": clock.business_midnight(given["last_day"] + datetime.timedelta(days=1)),
        "least_quantity": given["least_quantity"],
        "message": given["message"],
    }


class QuestionForm(forms.Form):
    """What the vendor must know before it can offer."""

    message = MessageField(label=_("Question to the buyer"))


class LastWordForm(forms.Form):
    """Why, for the buyer to read."""

    message = MessageField(label=_("Reason"), min_length=2, help_text=_("The buyer reads it."))
