from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from market.kernel.money import from_text
from market.ledger.models import Correction


class AdjustmentForm(forms.ModelForm):
    """A movement between two accounts that one person proposes."""

    yuan = forms.CharField(label=_("Amount (yuan)"), max_length=17, widget=UnfoldAdminTextInputWidget)
    reason = forms.CharField(label=_("Reason"), min_length=2, max_length=2000, widget=UnfoldAdminTextareaWidget)

    class Meta:
        model = Correction
        fields = ("debit_account", "credit_account", "yuan", "reason")

    def clean_yuan(self) -> int:
        """The yuan as fen."""
        try:
            return from_text(self.cleaned_data["yuan"])
        except ValueError:
            raise forms.ValidationError(_("Write yuan such as 1280 or 1280.50.")) from None

    def _get_validation_exclusions(self) -> set[str]:
        """The amount is not on the model's instance: the service looks at it, and the database."""
        return super()._get_validation_exclusions() | {"amount"}
