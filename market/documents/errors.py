from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class StatementTooLong(BusinessError):
    """More movements than a file of that form can hold; carries ``lines`` and ``limit``."""

    code = "statement_too_long"
    status = 409
    title = _("The statement has too many lines for this kind of file")


class StatementDoesNotAddUp(BusinessError):
    """Opening and movements do not come to the closing balance: nothing wrong is handed out."""

    code = "statement_does_not_add_up"
    status = 409
    title = _("The statement does not add up")
