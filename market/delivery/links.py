"""Signed links: who holds one may download one asset under one entitlement until a moment, and nothing else."""

import dataclasses
import datetime
import uuid

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext_lazy as _

from market.delivery.errors import LinkExpired, LinkInvalid
from market.kernel import clock

SALT = "market.delivery.download"


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """What a link allows."""

    entitlement_id: uuid.UUID
    asset_id: uuid.UUID
    expires_at: datetime.datetime


def expiry() -> datetime.datetime:
    """When a link issued now ends: ``DOWNLOAD_LINK_SECONDS`` from now, on a whole second."""
    return clock.now().replace(microsecond=0) + datetime.timedelta(seconds=settings.DOWNLOAD_LINK_SECONDS)


def sign(grant: Grant) -> str:
    """The token of a grant, safe in a path."""
    return Signer(salt=SALT).sign_object(
        [grant.entitlement_id.hex, grant.asset_id.hex, int(grant.expires_at.timestamp())]
    )


def read(token: str) -> Grant:
    """What a token allows. Raises ``LinkInvalid`` when it is not ours to the last character, ``LinkExpired``."""
    try:
        entitlement, asset, expires = Signer(salt=SALT).unsign_object(token)
    except BadSignature as error:
        raise LinkInvalid(_("Copy the whole link, or ask for a new one.")) from error
    expires_at = datetime.datetime.fromtimestamp(expires, datetime.UTC)
    if expires_at <= clock.now():
        raise LinkExpired(_("Ask for a new link and go on from where you were."))
    return Grant(uuid.UUID(entitlement), uuid.UUID(asset), expires_at)
