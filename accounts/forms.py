"""Forms of the admin pages: they ask and explain; the services decide."""

import datetime
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import ApiToken, Membership, Organization, User
from accounts.services import DEFAULT_LIFETIME, MAX_LIFETIME
from accounts.states import SCOPES_OF_ROLE, Capacity, Scope, roles_of


class OrganizationForm(forms.ModelForm):
    """An organisation's facts."""

    capacities = forms.MultipleChoiceField(
        label=_("capacities"), choices=Capacity, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = Organization
        fields = ("name", "uscc", "region", "taxpayer_type", "bank_account", "capacities")


class MemberForm(forms.ModelForm):
    """A person, new or known, and the role in an organisation."""

    email = forms.EmailField(label=_("e-mail"), widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(label=_("name"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label=_("first password"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Leave it empty for a person who can sign in already."),
    )

    class Meta:
        model = Membership
        fields = ("organization", "role")

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        organization, role = given.get("organization"), given.get("role")
        if organization and role and role not in roles_of(organization.capacities):
            self.add_error("role", _("The organisation cannot give this role."))
        user = User.objects.filter(email=given.get("email", "").lower()).first()
        password = given.get("password", "")
        if user is not None:
            if password:
                self.add_error("password", _("This person exists already and keeps the password: leave this empty."))
            if organization and user.memberships.filter(organization=organization, role=role).exists():
                self.add_error("role", _("This user has this role in this organisation already."))
        elif "email" in given:
            check_password(self, "password", User(email=given["email"], name=given.get("name", "")), password)
        return given


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
        check_password(self, "password", None, given.get("password", ""))
        return given


class TokenForm(forms.ModelForm):
    """What a new token is for."""

    scopes = forms.MultipleChoiceField(label=_("scopes"), choices=Scope, widget=UnfoldAdminCheckboxSelectMultipleWidget)
    days = forms.IntegerField(
        label=_("days until it expires"),
        min_value=1,
        max_value=MAX_LIFETIME.days,
        initial=DEFAULT_LIFETIME.days,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiToken
        fields = ("membership", "name")

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        membership = given.get("membership")
        if membership is not None:
            too_wide = set(given.get("scopes", ())) - SCOPES_OF_ROLE[membership.role]
            if too_wide:
                self.add_error(
                    "scopes", _("The role does not allow: %(scopes)s.") % {"scopes": ", ".join(sorted(too_wide))}
                )
        return given

    @property
    def lifetime(self) -> datetime.timedelta:
        """How long the token shall be good."""
        return datetime.timedelta(days=self.cleaned_data["days"])


def check_password(form: forms.Form, field: str, user: User | None, password: str) -> None:
    """Put what is weak about the password on the form."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        form.add_error(field, error)
