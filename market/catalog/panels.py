"""Figures of the catalogue on the first pages of the workspaces."""

from collections.abc import Iterable

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext as _

from market.catalog.models import Product, Review
from market.catalog.states import ProductState, ReviewDecision
from market.kernel import clock
from market.kernel.actors import Actor
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Figure, Number, register


def vendor_panel(actor: Actor) -> Iterable[Figure]:
    """How the vendor's own products stand; one query."""
    own = Product.objects.filter(vendor_org_id=actor.organization_id).order_by()
    counts = dict(own.values_list("state").annotate(Count("id")))
    for state, title, icon in (
        (ProductState.LISTED, _("Listed products"), "storefront"),
        (ProductState.IN_REVIEW, _("Products in review"), "hourglass_top"),
        (ProductState.REJECTED, _("Rejected products"), "build"),
    ):
        yield Number(title, f"{counts.get(state, 0):,}", url=_products("vendor", state), icon=icon)


def operator_panel(actor: Actor) -> Iterable[Figure]:
    """What waits for a decision, and for how long already, and what is on the market; two queries."""
    waiting = Review.objects.filter(decision=ReviewDecision.PENDING).aggregate(
        number=Count("id"), since=Min("submitted_at")
    )
    days = (clock.now() - waiting["since"]).days if waiting["since"] else 0
    yield Number(
        _("Reviews waiting"),
        str(waiting["number"]),
        note=_("the longest for %(days)d days") % {"days": days} if days else "",
        url=f"{reverse('operator:catalog_review_changelist')}?decision__exact={ReviewDecision.PENDING}",
        icon="rate_review",
    )
    yield _listed("operator")


def auditor_panel(actor: Actor) -> Iterable[Figure]:
    """What is on the market; one query."""
    yield _listed("auditor")


def _listed(site: str) -> Number:
    listed = Product.objects.filter(state=ProductState.LISTED).count()
    return Number(_("Listed products"), f"{listed:,}", url=_products(site, ProductState.LISTED), icon="storefront")


def _products(site: str, state: str) -> str:
    return f"{reverse(f'{site}:catalog_product_changelist')}?state__exact={state}"


register(Workspace.VENDOR, vendor_panel)
register(Workspace.OPERATOR, operator_panel)
register(Workspace.AUDITOR, auditor_panel)
