"""What quotes show on the vendor's first page."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from market.kernel import clock
from market.kernel.actors import Actor
from market.negotiation.models import Quote
from market.negotiation.selectors import filter_quotes
from market.negotiation.states import Side
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Figure, Number, register


def vendor_panel(actor: Actor) -> Iterator[Figure]:
    """How many quotes wait for the vendor's answer, and until when the first of them; one query."""
    own = Quote.objects.filter(vendor_org_id=actor.organization_id, due_at__gt=clock.now())
    waiting = filter_quotes(own, waiting_for=Side.VENDOR).aggregate(number=Count("id"), first=Min("due_at"))
    first = clock.business_date(waiting["first"]) if waiting["first"] else None
    yield Number(
        _("Quotes to answer"),
        str(waiting["number"]),
        note=_("the first by %(day)s") % {"day": first.isoformat()} if first else "",
        url=f"{reverse('vendor:negotiation_quote_changelist')}?waiting={Side.VENDOR}",
        icon="forum",
    )


register(Workspace.VENDOR, vendor_panel)
