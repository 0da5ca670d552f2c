"""What running contracts show on the first pages."""

from collections.abc import Iterator

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from market.billing.models import Subscription
from market.billing.states import LATE, SubscriptionState
from market.kernel.actors import Actor
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Figure, Number, register


def vendor_panel(actor: Actor) -> Iterator[Figure]:
    """How many subscribers the vendor has, and how many of them are late; one query."""
    own = Subscription.objects.filter(vendor_org=actor.organization_id).exclude(state=SubscriptionState.ENDED)
    counts = own.aggregate(number=Count("id"), late=Count("id", filter=Q(state__in=LATE)))
    yield Number(
        _("Subscribers"),
        f"{counts['number']:,}",
        note=_("%(number)d of them late with a payment") % {"number": counts["late"]} if counts["late"] else "",
        url=reverse("vendor:billing_subscription_changelist"),
        icon="event_repeat",
    )


register(Workspace.VENDOR, vendor_panel)
