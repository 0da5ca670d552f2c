"""Asset files on their way into the store: counted and hashed while they are written, never whole in memory."""

import dataclasses
import datetime
import hashlib
import posixpath
import re
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.utils.translation import gettext_lazy as _

from market.catalog.errors import UploadIncomplete, UploadTooLarge

logger = structlog.get_logger(__name__)

CHUNK_BYTES = 256 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class StoredFile:
    """What was really written: its name in the store, size in bytes and SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str


class _Meter(File):
    """Reads a stream forward once; counts and hashes what passes, and stops past ``limit`` bytes."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        super().__init__(stream, name="asset")
        self.limit = limit
        self.received = 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(CHUNK_BYTES if size is None or size < 0 else size)
        self.received += len(data)
        if self.received > self.limit:
            raise UploadTooLarge(_("A file has at most %(limit)d bytes.") % {"limit": self.limit}, limit=self.limit)
        self.digest.update(data)
        return data

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        while data := self.read(chunk_size or CHUNK_BYTES):
            yield data


def storage_name(product_id: uuid.UUID, revision_id: uuid.UUID, asset_id: uuid.UUID) -> str:
    """Where an asset lies in the store: made of our own keys, never of what somebody typed."""
    return f"{product_id}/{revision_id}/{asset_id}"


_STORED = re.compile("/".join(["[0-9a-f-]{36}"] * 3))


def names_older_than(moment: datetime.datetime) -> Iterator[str]:
    """Names of stored assets last written before ``moment``; whatever else lies in the store is left out."""
    store = storages["assets"]
    for name in _walk(""):
        if _STORED.fullmatch(name) and store.get_modified_time(name) < moment:
            yield name


def _walk(folder: str) -> Iterator[str]:
    try:
        folders, files = storages["assets"].listdir(folder)
    except FileNotFoundError:  # nothing was ever stored, or the folder has just gone
        return
    for name in files:
        yield posixpath.join(folder, name)
    for name in folders:
        yield from _walk(posixpath.join(folder, name))


def receive(
    name: str,
    stream: BinaryIO,
    *,
    declared_bytes: int | None = None,
    declared_sha256: str | None = None,
    store: str = "assets",
    limit: int | None = None,
) -> StoredFile:
    """Write ``stream`` to the ``store`` under ``name``. On any failure the file is removed again.

    Raises ``UploadTooLarge`` past ``limit`` bytes (``ASSET_MAX_BYTES`` by default); ``UploadIncomplete`` when nothing
    came, or not the size or SHA-256 that was declared.
    """
    limit = settings.ASSET_MAX_BYTES if limit is None else limit
    if declared_bytes is not None and declared_bytes > limit:
        raise UploadTooLarge(_("A file has at most %(limit)d bytes.") % {"limit": limit}, limit=limit)
    meter = _Meter(stream, limit)
    try:
        stored = StoredFile(storages[store].save(name, meter), meter.received, meter.digest.hexdigest())
        _require_as_declared(stored, declared_bytes, declared_sha256)
    except BaseException:
        discard([name], store)
        raise
    return stored


def _require_as_declared(stored: StoredFile, declared_bytes: int | None, declared_sha256: str | None) -> None:
    if stored.bytes == 0:
        raise UploadIncomplete(_("The file is empty. Send it again."))
    if declared_bytes is not None and stored.bytes != declared_bytes:
        raise UploadIncomplete(
            _("%(received)d of %(declared)d bytes arrived. Send the file again.")
            % {"received": stored.bytes, "declared": declared_bytes},
            received=stored.bytes,
            declared=declared_bytes,
        )
    if declared_sha256 is not None and stored.sha256 != declared_sha256.lower():
        raise UploadIncomplete(
            _("The SHA-256 of what arrived is another than declared. Send the file again."),
            received=stored.sha256,
            declared=declared_sha256,
        )


def discard(names: Iterable[str], store: str = "assets") -> None:
    """Remove files from the ``store``; one that cannot be removed is logged, for it does no harm."""
    for name in names:
        try:
            storages[store].delete(name)
        except OSError as error:
            logger.warning("asset.not_removed", name=name, error=str(error))
