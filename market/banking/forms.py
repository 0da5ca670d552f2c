import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from market.banking.models import BankStatement, PaymentFile
from market.kernel import clock
from market.kernel.money import from_text
from market.settlement.services import cutoff_due
from market.workspaces.acts import ReasonForm

FIRST_YEAR = 1970


class StatementForm(forms.ModelForm):
    """The file that the bank gave."""

    file = forms.FileField(
        label=_("Statement"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xml,text/xml,application/xml"}),
        allow_empty_file=True,
        help_text=_("ISO 20022 camt.053.001.08 or camt.053.001.02. What has been imported before stays as it is."),
    )

    class Meta:
        model = BankStatement
        fields = ()


class BuyerForm(ReasonForm):
    """Whose money it is, and how one knows."""

    code = forms.CharField(
        label=_("Remittance code of the buyer"),
        max_length=32,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As it stands on the buyer's wallet among the accounts."),
    )
    field_order = ("code", "reason")


class PayoutForm(ReasonForm):
    """Which payout it was, and how one knows."""

    reference = forms.CharField(
        label=_("Payment reference of the payout"), max_length=35, widget=UnfoldAdminTextInputWidget
    )
    field_order = ("reference", "reason")


class ProviderForm(ReasonForm):
    """What the payment provider kept of what it received, and how one knows."""

    fees = forms.CharField(
        label=_("Fees that it kept (yuan)"),
        max_length=17,
        initial="0",
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As its own account of this payment says: the exchange bears them."),
    )
    field_order = ("fees", "reason")

    def clean_fees(self) -> int:
        """The yuan as fen."""
        try:
            return from_text(self.cleaned_data["fees"])
        except ValueError:
            raise forms.ValidationError(_("Write yuan such as 1280 or 1280.50.")) from None


class PaymentFileForm(forms.ModelForm):
    """Which settlement run is to be paid."""

    day = forms.DateField(
        label=_("Settled before this day"),
        widget=UnfoldAdminDateWidget,
        help_text=_("The cutoff of the run, as its batches show it. Payouts that stand in a file are not paid again."),
    )

    def clean_day(self) -> datetime.date:
        """A day whose midnight lies in the calendar."""
        if self.cleaned_data["day"].year < FIRST_YEAR:
            raise forms.ValidationError(_("No run is as old as that."))
        return self.cleaned_data["day"]

    class Meta:
        model = PaymentFile
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "day" in self.fields:
            self.fields["day"].initial = clock.business_date(cutoff_due())
