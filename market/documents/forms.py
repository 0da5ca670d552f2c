"""What an operator or a vendor fills in about an invoice."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from market.kernel.money import from_text


class IssueForm(forms.Form):
    """The invoice as the tax system issued it."""

    number = forms.CharField(
        label=_("Invoice number"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("20 digits of a fully digital invoice, or 8 digits."),
    )
    code = forms.CharField(
        label=_("Invoice code"),
        max_length=12,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("10 or 12 digits; empty for a fully digital invoice."),
    )
    issued_on = forms.DateField(label=_("Date of the invoice"), widget=UnfoldAdminSingleDateWidget)
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("PDF, OFD or XML, as the tax system hands it out."),
    )


class RedLetterForm(IssueForm):
    """A red-letter invoice, and how much of the invoice it takes back."""

    amount = forms.CharField(
        label=_("Amount (yuan)"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What it takes back, tax included, as a positive number."),
    )
    field_order = ("amount", "number", "code", "issued_on", "file")

    def clean_amount(self) -> int:
        """Yuan as fen."""
        try:
            return from_text(self.cleaned_data["amount"])
        except ValueError as error:
            raise forms.ValidationError(_("Write an amount in yuan such as 1280 or 1280.50.")) from error
