"""What changes of contracts show on the vendor's first page."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from market.kernel import clock
from market.kernel.actors import Actor
from market.orders.models import Amendment
from market.orders.states import AmendmentState, ContractSide
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Figure, Number, register


def vendor_panel(actor: Actor) -> Iterator[Figure]:
    """How many proposals of buyers wait for the vendor's answer, and until when the first of them; one query."""
    waiting = Amendment.objects.filter(
        vendor_org_id=actor.organization_id,
        side=ContractSide.BUYER,
        state=AmendmentState.PROPOSED,
        due_at__gt=clock.now(),
    ).aggregate(number=Count("id"), first=Min("due_at"))
    first = clock.business_date(waiting["first"]) if waiting["first"] else None
    yield Number(
        _("Changes of contracts to answer"),
        str(waiting["number"]),
        note=_("the first by %(day)s") % {"day": first.isoformat()} if first else "",
        url=f"{reverse('vendor:orders_amendment_changelist')}?state__exact=proposed&side__exact=buyer",
        icon="edit_document",
    )


register(Workspace.VENDOR, vendor_panel)
