"""What accounts show on the workspaces' pages: changes of bank accounts."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.selectors import open_account_changes, proposed_account_changes
from accounts.states import AccountChangeState, Role
from market.kernel.actors import Actor
from market.workspaces import notices
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Figure, Number, register


def change_notice(actor: Actor) -> Iterator[notices.Notice]:
    """Tells those who handle the vendor's money of the change that is open, whoever asked for it: one query."""
    if actor.role not in (Role.OWNER, Role.FINANCE):
        return
    change = open_account_changes().filter(vendor_org_id=actor.organization_id).first()
    if change is None:
        return
    account = f"{change.shown_bank_account} ({change.shown_bank_code})"
    if change.state == AccountChangeState.COOLING:
        moment = date_format(timezone.localtime(change.effective_at), "DATETIME_FORMAT")
        text = _("From %(moment)s you are paid to another bank account, %(account)s. An owner can still withdraw this.")
        text %= {"moment": moment, "account": account}
    else:
        text = _("Another bank account has been asked for, %(account)s. An owner can withdraw this.")
        text %= {"account": account}
    yield notices.Notice(text, reverse("vendor:accounts_bankaccountchange_change", args=[change.id]))


def operator_panel(actor: Actor) -> Iterator[Figure]:
    """The changes that wait for an operator: one query."""
    url = f"{reverse('operator:accounts_bankaccountchange_changelist')}?state__exact={AccountChangeState.PROPOSED}"
    waiting = proposed_account_changes().count()
    yield Number(_("Bank accounts to approve"), f"{waiting:,}", url=url, icon="account_balance")


notices.register(Workspace.VENDOR, change_notice)
register(Workspace.OPERATOR, operator_panel)
