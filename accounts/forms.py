"""Forms of the admin pages: they ask and explain; the services decide, and what they refuse stands beside the field."""

import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.bank_numbers import plain_number
from accounts.models import ApiToken, BankAccountChange, Membership, Organization
from accounts.services import DEFAULT_LIFETIME, MAX_LIFETIME
from accounts.states import SCOPES_OF_ROLE, Capacity, Scope
from market.kernel.words import MAX_REASON


class OrganizationForm(forms.ModelForm):
    """An organisation's facts."""

    capacities = forms.MultipleChoiceField(
        label=_("Capacities"), choices=Capacity, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = Organization
        fields = ("name", "uscc", "region", "taxpayer_type", "bank_account", "bank_code", "capacities")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The number that is kept is not in the page; an empty field leaves it as it is."""
        super().__init__(*args, **kwargs)
        kept = self.instance.shown_bank_account
        if kept and "bank_account" in self.fields:
            self.initial["bank_account"] = ""
            self.fields["bank_account"].help_text = _("Now %(number)s. Leave it empty to keep it.") % {"number": kept}

    def clean_bank_account(self) -> str:
        """What was typed, or what was kept before."""
        return self.cleaned_data["bank_account"] or self.instance.bank_account

    def clean_bank_code(self) -> str:
        """As it is kept."""
        return plain_number(self.cleaned_data["bank_code"])


class BankAccountForm(forms.ModelForm):
    """Where the vendor wants to be paid from now on."""

    bank_account = forms.CharField(
        label=_("New bank account"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("Of your own organisation: 8 to 32 digits, or an IBAN. The exchange calls you before it approves."),
    )
    bank_code = forms.CharField(
        label=_("Bank code"),
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_(
            "The CNAPS code (联行号) of the bank, 12 digits; for an IBAN the BIC, or nothing. To change only this, "
            "write the account number that you have."
        ),
    )
    is_old_lost = forms.BooleanField(
        label=_("The old account can receive nothing"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Payouts then wait until the change has ended. Else they go to the old account until then."),
    )
    reason = forms.CharField(label=_("Reason"), min_length=2, max_length=MAX_REASON, widget=UnfoldAdminTextareaWidget)

    class Meta:
        model = BankAccountChange
        fields = ("bank_account", "bank_code", "is_old_lost", "reason")

    def clean_bank_code(self) -> str:
        """As it is kept."""
        return plain_number(self.cleaned_data["bank_code"])


class MemberForm(forms.ModelForm):
    """A person, new or known, and the role in an organisation."""

    email = forms.EmailField(label=_("E-mail"), widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(label=_("Name"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label=_("First password"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Leave it empty for a person who can sign in already."),
    )

    class Meta:
        model = Membership
        fields = ("organization", "role")


class PasswordForm(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters."),
    )
    repeated = forms.CharField(
        label=_("Once more"), strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("password") and given.get("repeated") and given["password"] != given["repeated"]:
            self.add_error("repeated", _("The two are not the same."))
        return given


class TokenForm(forms.ModelForm):
    """What a new token is for."""

    scopes = forms.MultipleChoiceField(label=_("Scopes"), choices=Scope, widget=UnfoldAdminCheckboxSelectMultipleWidget)
    days = forms.IntegerField(
        label=_("Days until it expires"),
        min_value=1,
        max_value=MAX_LIFETIME.days,
        initial=DEFAULT_LIFETIME.days,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiToken
        fields = ("membership", "name")

    @property
    def lifetime(self) -> datetime.timedelta:
        """How long the token shall be good."""
        return datetime.timedelta(days=self.cleaned_data["days"])


class OwnTokenForm(TokenForm):
    """A token for oneself: offers the scopes of one's own roles only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "membership" in self.fields:
            roles = {membership.role for membership in self.fields["membership"].queryset}
            allowed = frozenset().union(*(SCOPES_OF_ROLE[role] for role in roles))
            self.fields["scopes"].choices = [choice for choice in Scope.choices if choice[0] in allowed]
