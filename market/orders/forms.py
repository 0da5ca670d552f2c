"""What a vendor is asked when it proposes or answers a change; the services decide, and what they refuse stands beside
the field."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from market.orders.services.amending import MAX_ACCEPTANCE_DAYS, MAX_LICENCE, MAX_MESSAGE, MAX_PURPOSE


class ProposalForm(forms.Form):
    """The contract as it is, to be changed; a field that is left as it is, or emptied, changes nothing."""

    purpose = forms.CharField(
        label=_("Declared purpose"), required=False, max_length=MAX_PURPOSE, widget=UnfoldAdminTextareaWidget
    )
    licence = forms.CharField(
        label=_("Licence terms"), required=False, max_length=MAX_LICENCE, widget=UnfoldAdminTextareaWidget
    )
    acceptance_days = forms.IntegerField(
        label=_("Acceptance period (days)"),
        required=False,
        min_value=1,
        max_value=MAX_ACCEPTANCE_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Can be changed until acceptance; counted from delivery."),
    )
    ends_on = forms.DateField(
        label=_("Ends early before"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=_("Of a running contract: the day on which it shall be over, that day no longer."),
    )
    message = forms.CharField(
        label=_("Message to the buyer"), required=False, max_length=MAX_MESSAGE, widget=UnfoldAdminTextareaWidget
    )


def proposal_of(given: dict[str, Any]) -> dict[str, Any]:
    """What ``services.propose_amendment`` takes, from the form's values."""
    return {name: value for name, value in given.items() if value not in ("", None)}


class AnswerForm(forms.Form):
    """A last word for the buyer to read."""

    message = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=MAX_MESSAGE,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("The buyer reads it."),
    )
