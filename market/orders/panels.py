"""What waits for whom, on the first pages: changes of contracts and disputes."""

import datetime
from collections.abc import Iterator

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from market.kernel import clock
from market.kernel.actors import Actor
from market.orders.models import Amendment, Dispute
from market.orders.states import AmendmentState, ContractSide, DisputeState
from market.workspaces import notices
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Figure, Number, register


def vendor_panel(actor: Actor) -> Iterator[Figure]:
    """How many proposals of buyers and how many disputes wait for the vendor's answer; two queries."""
    own = {"vendor_org_id": actor.organization_id}
    proposals = Amendment.objects.filter(
        **own, side=ContractSide.BUYER, state=AmendmentState.PROPOSED, due_at__gt=clock.now()
    ).aggregate(number=Count("id"), first=Min("due_at"))
    yield Number(
        _("Changes of contracts to answer"),
        str(proposals["number"]),
        note=_first(proposals["first"]),
        url=f"{reverse('vendor:orders_amendment_changelist')}?state__exact=proposed&side__exact=buyer",
        icon="edit_document",
    )
    disputes = Dispute.objects.filter(
        **own, state=DisputeState.AWAITING_ANSWER, answer_due_at__gt=clock.now()
    ).aggregate(number=Count("id"), first=Min("answer_due_at"))
    yield Number(
        _("Disputes to answer"),
        str(disputes["number"]),
        note=_first(disputes["first"]),
        url=f"{reverse('vendor:orders_dispute_changelist')}?state__exact={DisputeState.AWAITING_ANSWER}",
        icon="gavel",
    )


def operator_panel(actor: Actor) -> Iterator[Figure]:
    """How many disputes wait for an operator's decision; one query."""
    waiting = Dispute.objects.filter(state=DisputeState.AWAITING_DECISION).aggregate(
        number=Count("id"), first=Min("decision_due_at")
    )
    yield Number(
        _("Disputes to decide"), str(waiting["number"]), note=_first(waiting["first"]), url=_to_decide(), icon="gavel"
    )


def undecided_notice(actor: Actor) -> Iterator[notices.Notice]:
    """That disputes have waited too long for a decision; one look at an index."""
    number = Dispute.objects.filter(state=DisputeState.AWAITING_DECISION, decision_due_at__lte=clock.now()).count()
    if number:
        text = ngettext(
            "%(number)d dispute should have been decided by now.",
            "%(number)d disputes should have been decided by now.",
            number,
        )
        yield notices.Notice(text % {"number": number}, _to_decide())


def _to_decide() -> str:
    return f"{reverse('operator:orders_dispute_changelist')}?state__exact={DisputeState.AWAITING_DECISION}"


def _first(moment: datetime.datetime | None) -> str | Promise:
    """Until when the most urgent must be answered."""
    return _("the first by %(day)s") % {"day": clock.business_date(moment).isoformat()} if moment else ""


register(Workspace.VENDOR, vendor_panel)
register(Workspace.OPERATOR, operator_panel)
notices.register(Workspace.OPERATOR, undecided_notice)
