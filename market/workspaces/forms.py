"""How people enter a workspace."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from market.workspaces.access import Workspace
from market.workspaces.throttle import SignInAttempt, wait_minutes


class SignInForm(AuthenticationForm):
    """E-mail and password; only for members whom ``workspace`` admits, and only so many tries."""

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean(self) -> dict[str, Any]:
        attempt = SignInAttempt(self.request, self.cleaned_data.get("username") or "")
        if not attempt.is_allowed():
            raise ValidationError(
                _("Too many attempts to sign in. Wait %(minutes)d minutes, then try again."),
                code="throttled",
                params={"minutes": wait_minutes()},
            )
        cleaned = super().clean()
        if self.get_user() is not None:
            attempt.succeeded()
        return cleaned

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """The password was right: say plainly when it opens another workspace, not this one."""
        super().confirm_login_allowed(user)
        if user.actor_in(self.workspace) is None:
            raise ValidationError(
                _(
                    "%(email)s is no member whom this workspace admits. Choose your workspace below, "
                    "or ask your organisation's owner for a membership."
                ),
                code="not_admitted",
                params={"email": user.get_username()},
            )
