"""Sending a file, and the receipt of what was really sent."""

import datetime
from collections.abc import Iterator

import structlog
from django.core.files import File
from django.core.files.storage import storages
from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext as _

from market.catalog.models import Asset
from market.delivery import links
from market.delivery.errors import AssetUnavailable, LinkInvalid
from market.delivery.models import Entitlement, Receipt
from market.delivery.ranges import Span
from market.delivery.selectors import entitled_asset
from market.delivery.services.entitlements import require_active
from market.kernel import clock
from market.kernel.errors import NotFound

logger = structlog.get_logger(__name__)

BLOCK = 256 * 1024
"""Bytes read and sent at a time. From 64 KiB to 4 MiB the speed is the same; a smaller block is a truer count."""


class Sending:
    """The body of a response: iterate to send, ``close()`` writes the receipt, however the sending ended.

    A block counts as sent when the server comes back for the next one: it has been handed to the network then.
    ``wsgi.file_wrapper`` would be handed over as a whole, and nobody would know what was sent of it.
    """

    def __init__(self, entitlement: Entitlement, asset: Asset, span: Span, file: File) -> None:
        self._entitlement = entitlement
        self._asset = asset
        self._span = span
        self._file = file
        self._sent = 0
        self._started_at: datetime.datetime = clock.now()
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._span.start)
        while self._sent < self._span.length:
            block = self._file.read(min(BLOCK, self._span.length - self._sent))
            if not block:
                logger.error("delivery.file_ended_early", asset_id=str(self._asset.id), sent=self._sent)
                break
            yield block
            self._sent += len(block)

    def close(self) -> None:
        """Write the receipt, once. The server calls this when the client has everything, or is gone."""
        if self._is_closed:
            return
        self._is_closed = True
        self._file.close()
        receipt = Receipt(
            entitlement=self._entitlement,
            asset=self._asset,
            buyer_org_id=self._entitlement.buyer_org_id,
            vendor_org_id=self._entitlement.vendor_org_id,
            range_start=self._span.start,
            bytes_requested=self._span.length,
            bytes_sent=self._sent,
            started_at=self._started_at,
        )
        try:
            _record(receipt)
        except Exception:
            # The server ignores what close() raises; the log must not.
            logger.exception(
                "delivery.receipt_lost",
                entitlement_id=str(receipt.entitlement_id),
                asset_id=str(receipt.asset_id),
                range_start=receipt.range_start,
                bytes_sent=receipt.bytes_sent,
            )
            raise


def _record(receipt: Receipt) -> None:
    """Insert; once more over a new connection if the one from before the sending has died meanwhile."""
    try:
        receipt.save(force_insert=True)
    except (OperationalError, InterfaceError):
        connection.close()
        receipt.save(force_insert=True)


def downloadable(token: str) -> tuple[Entitlement, Asset]:
    """What the holder of the token may download now.

    Raises ``LinkInvalid``, ``LinkExpired``, ``EntitlementRevoked``, ``EntitlementEnded``.
    """
    grant = links.read(token)
    try:
        entitlement, asset = entitled_asset(grant.entitlement_id, grant.asset_id)
    except NotFound as error:
        raise LinkInvalid from error
    require_active(entitlement)
    return entitlement, asset


def start_sending(entitlement: Entitlement, asset: Asset, span: Span) -> Sending:
    """Open the stored file. Raises ``AssetUnavailable`` when it is not there or is not of the published size."""
    try:
        file = storages["assets"].open(asset.storage_name, "rb")
    except OSError as error:
        raise _unavailable(asset, str(error)) from error
    if file.size != asset.bytes:
        file.close()
        raise _unavailable(asset, f"{file.size} bytes instead of {asset.bytes}")
    return Sending(entitlement, asset, span, file)


def _unavailable(asset: Asset, reason: str) -> AssetUnavailable:
    logger.error("delivery.asset_unavailable", asset_id=str(asset.id), reason=reason)
    return AssetUnavailable(_("The exchange has been told. Try again later; what you have received stays good."))
