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
from market.delivery.errors import AlreadyRevoked, EntitlementEnded, EntitlementRevoked, EntitlementSuspended
from market.delivery.models import Entitlement
from market.delivery.selectors import covered_revision, covered_revisions, entitlement_visible_to
from market.delivery.states import Standing
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.kernel.words import clean_reason
from market.orders.selectors import BUYING_ROLES

MAX_LINKS = 1000
"""As many as a revision may have files."""


@dataclasses.dataclass(frozen=True, slots=True)
class IssuedLinks:
    """Files with their tokens, all good until ``expires_at``."""

    expires_at: datetime.datetime
    tokens: list[tuple[Asset, str]]


def require_active(entitlement: Entitlement) -> None:
    """Raise ``EntitlementRevoked``, ``EntitlementEnded`` or ``EntitlementSuspended`` unless the right holds now."""
    if entitlement.standing == Standing.REVOKED:
        raise EntitlementRevoked(_("Ask the exchange why; the order names it."))
    if entitlement.standing == Standing.ENDED:
        raise EntitlementEnded(_("Order the product again to go on receiving it."))
    if entitlement.standing == Standing.SUSPENDED:
        raise EntitlementSuspended(_("Deposit what the late instalment needs; then it goes on by itself."))


def issue_links(
    *,
    actor: Actor,
    entitlement_id: uuid.UUID,
    asset_ids: Sequence[uuid.UUID] | None = None,
    revision: int | None = None,
) -> IssuedLinks:
    """Sign a link for each of the files asked for (at most ``MAX_LINKS``), or for all of a revision; only the buyer
    may.

    The revision is the newest that the entitlement covers, unless its number is given; files asked for by key may be
    of any covered one. Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` naming a file that is not covered or a
    revision that is not, and what ``require_active`` raises.
    """
    actor.require_role(*BUYING_ROLES)
    entitlement = entitlement_visible_to(actor, entitlement_id)
    if entitlement.buyer_org_id != actor.organization_id:
        raise Forbidden(_("Only the buyer receives the files."))
    require_active(entitlement)
    assets = _of_revision(entitlement, revision) if asset_ids is None else _chosen(entitlement, asset_ids)
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


def _of_revision(entitlement: Entitlement, number: int | None) -> list[Asset]:
    try:
        revision = covered_revision(entitlement, number)
    except NotFound as error:
        raise InvalidInput(errors={"/revision": _("This entitlement does not cover that revision.")}) from error
    return list(Asset.objects.filter(revision=revision).order_by("path"))


def _chosen(entitlement: Entitlement, asset_ids: Sequence[uuid.UUID]) -> list[Asset]:
    if not 1 <= len(asset_ids) <= MAX_LINKS:
        raise InvalidInput(errors={"/assets": _("Name 1 to %(most)d files.") % {"most": MAX_LINKS}})
    covered = covered_revisions(entitlement).order_by().values("id")
    found = {asset.id: asset for asset in Asset.objects.filter(revision__in=covered, id__in=asset_ids)}
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
    reason = clean_reason(reason)
    entitlement = entitlement_visible_to(actor, entitlement_id)
    with transaction.atomic():
        standing = Entitlement.objects.filter(id=entitlement.id, revoked_at=None)
        if not standing.update(revoked_at=clock.now(), revocation_reason=reason):
            raise AlreadyRevoked
        insert_together(_evidence("entitlement.revoked", actor, entitlement, reason=reason))


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
