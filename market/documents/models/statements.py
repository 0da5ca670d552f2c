from django.utils.translation import gettext_lazy as _

from market.ledger.models import Account


class AccountStatement(Account):
    """WHY: an account as its owner's bookkeeper sees it. No table of its own: a statement is what the ledger says."""

    class Meta:
        proxy = True
        verbose_name = _("account statement")
        verbose_name_plural = _("account statements")

    def __str__(self) -> str:
        return f"{self.organization.name} · {self.get_kind_display()}"
