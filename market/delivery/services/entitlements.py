"""The buyer's right to receive: links under it, and its revocation."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.models import Asset
from market.delivery import links
from market.delivery.errors import AlreadyRevoked, EntitlementEnded, EntitlementRevoked
from market.delivery.models import Entitlement
from market.delivery.selectors import entitlement_visible_to
from market.delivery.states import Standing
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput
from market.orders.selectors import BUYING_ROLES

MAX_LINKS = 1000
"""As many as a revision may have files."""


@dataclasses.dataclass(frozen=True, slots=True)
class IssuedLinks:
    """Files with their tokens, all good until ``expires_at``."""

    expires_at: datetime.datetime
    tokens: list[tuple[Asset, str]]


def require_active(entitlement: Entitlement) -> None:
    """Raise ``EntitlementRevoked`` or ``EntitlementEnded`` unless the right holds at this moment."""
    if entitlement.standing == Standing.REVOKED:
        raise EntitlementRevoked(_("Ask the exchange why; the order names it."))
    if entitlement.standing == Standing.ENDED:
        raise EntitlementEnded(_("Order the product again to go on receiving it."))


def issue_links(
    *, actor: Actor, entitlement_id: uuid.UUID, asset_ids: Sequence[uuid.UUID] | None = None
) -> IssuedLinks:
    """Sign a link for each of the files asked for (at most ``MAX_LINKS``), or for all; only the buyer may.

    Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` naming a file that is not of the revision, and what
    ``require_active`` raises.
    """
    actor.require_role(*BUYING_ROLES)
    entitlement = entitlement_visible_to(actor, entitlement_id)
    if entitlement.buyer_org_id != actor.organization_id:
        raise Forbidden(_("Only the buyer receives the files."))
    require_active(entitlement)
    assets = _chosen(entitlement, asset_ids)
    expires_at = links.expiry()
    with transaction.atomic():
        insert_together(
            _evidence(
                "entitlement.links_issued",
                actor,
                entitlement,
                files=len(assets),
                expires_at=expires_at.isoformat(),
            )
        )
    tokens = [(asset, links.sign(links.Grant(entitlement.id, asset.id, expires_at))) for asset in assets]
    return IssuedLinks(expires_at, tokens)


def _chosen(entitlement: Entitlement, asset_ids: Sequence[uuid.UUID] | None) -> list[Asset]:
    assets = Asset.objects.filter(revision=entitlement.revision_id).order_by("path")
    if asset_ids is None:
        return list(assets)
    if not 1 <= len(asset_ids) <= MAX_LINKS:
        raise InvalidInput(errors={"/assets": _("Name 1 to %(most)d files.") % {"most": MAX_LINKS}})
    found = {asset.id: asset for asset in assets.filter(id__in=asset_ids)}
    errors = {
        f"/assets/{index}": _("No such file in this entitlement.")
        for index, asset_id in enumerate(asset_ids)
        if asset_id not in found
    }
    if errors:
        raise InvalidInput(errors=errors)
    return [found[asset_id] for asset_id in dict.fromkeys(asset_ids)]


def revoke_entitlement(*, actor: Actor, entitlement_id: uuid.UUID, reason: str) -> None:
    """Take the right to download away, at once, links that are out included. Money is not touched.

    Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` without a reason, ``AlreadyRevoked``.
    """
    actor.require_role("operator")
    actor.require_capacity("operator")
    if not reason.strip():
        raise InvalidInput(errors={"/reason": _("Say why.")})
    entitlement = entitlement_visible_to(actor, entitlement_id)
    with transaction.atomic():
        standing = Entitlement.objects.filter(id=entitlement.id, revoked_at=None)
        if not standing.update(revoked_at=clock.now(), revocation_reason=reason.strip()):
            raise AlreadyRevoked
        insert_together(_evidence("entitlement.revoked", actor, entitlement, reason=reason.strip()))


def _evidence(name: str, actor: Actor, entitlement: Entitlement, **payload: object) -> AuditEvent:
    return event(
        name,
        actor=actor,
        subject=("entitlement", entitlement.id),
        on_behalf_of=entitlement.buyer_org_id,
        buyer_org_id=entitlement.buyer_org_id,
        vendor_org_id=entitlement.vendor_org_id,
        payload={"order": entitlement.order.number, **payload},
    )
