"""The files of a draft revision: streamed into the store first, recorded in one short transaction afterwards."""

import dataclasses
import datetime
import functools
import itertools
import uuid
from collections.abc import Sequence
from typing import BinaryIO

import structlog
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from market.audit.models import AuditEvent
from market.catalog.errors import AssetPathTaken, RevisionFinal
from market.catalog.files import StoredFile, discard, names_older_than, receive, storage_name
from market.catalog.models import Asset, Revision
from market.catalog.services.revisions import lock_draft, revision_event
from market.catalog.services.rules import Findings, evidence_of_asset
from market.catalog.validators import clean_asset_path, clean_media_type
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import InvalidInput, NotFound
from market.kernel.identifiers import uuid7

logger = structlog.get_logger(__name__)

MAX_ASSETS = 1000
"""Most files of one revision."""

STRAY_AGE = datetime.timedelta(days=1)
STRAYS_A_QUERY = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Upload:
    """One file to add: where it will be found, and the stream it comes from.

    An empty ``media_type`` is guessed from the path. ``declared_bytes`` and ``declared_sha256`` (hexadecimal) are
    what the sender says it sends; when given they must hold.
    """

    path: str
    stream: BinaryIO
    media_type: str = ""
    declared_bytes: int | None = None
    declared_sha256: str | None = None


def add_assets(*, actor: Actor, revision_id: uuid.UUID, uploads: Sequence[Upload]) -> list[Asset]:
    """Add files to a draft revision, all or none. Each is read once, in pieces; size and SHA-256 are computed then.

    Raises ``InvalidInput`` (path, media type, too many), ``AssetPathTaken``, ``UploadTooLarge``,
    ``UploadIncomplete``, ``RevisionFinal``, ``ProductNotOpen``, ``Forbidden``, ``NotFound``. Whatever is raised, no
    file and no row is left behind.
    """
    with transaction.atomic():
        revision = lock_draft(actor, revision_id)
        assets = _planned(revision, uploads)
    stored: list[StoredFile] = []
    try:
        for asset, upload in zip(assets, uploads, strict=True):
            name = storage_name(revision.product_id, revision.id, asset.id)
            file = receive(
                name, upload.stream, declared_bytes=upload.declared_bytes, declared_sha256=upload.declared_sha256
            )
            stored.append(file)
            asset.storage_name, asset.bytes, asset.sha256 = file.name, file.bytes, file.sha256
        with transaction.atomic():
            # The files may have taken minutes: the revision can be published, the product submitted by now.
            lock_draft(actor, revision_id)
            insert_together(assets, [_asset_event("asset.added", actor, revision, asset) for asset in assets])
    except IntegrityError as error:
        discard(file.name for file in stored)
        raise _explained(error) from error
    except BaseException:
        discard(file.name for file in stored)
        raise
    return assets


def _planned(revision: Revision, uploads: Sequence[Upload]) -> list[Asset]:
    """Unsaved assets without content, their paths and media types checked before a byte is read."""
    taken = {path.lower() for path in revision.assets.values_list("path", flat=True)}
    if not uploads or len(taken) + len(uploads) > MAX_ASSETS:
        raise InvalidInput(errors={"/files": _("A revision has 1 to %(most)d files.") % {"most": MAX_ASSETS}})
    findings = Findings()
    assets = []
    for index, upload in enumerate(uploads):
        path, media_type = upload.path, upload.media_type
        with findings.at(f"/files/{index}/path"):
            path = clean_asset_path(upload.path)
        with findings.at(f"/files/{index}/media_type"):
            media_type = clean_media_type(upload.media_type, path)
        assets.append(
            Asset(
                id=uuid7(),
                revision=revision,
                vendor_org_id=revision.vendor_org_id,
                path=path,
                media_type=media_type,
            )
        )
    findings.raise_if_any()
    for asset in assets:
        if asset.path.lower() in taken:
            raise AssetPathTaken(_("%(path)s is there already. Remove it first, or rename.") % {"path": asset.path})
        taken.add(asset.path.lower())
    return assets


def _explained(error: IntegrityError) -> Exception:
    constraint = violated_constraint(error)
    if constraint == "asset_path_once_per_revision":
        return AssetPathTaken(_("Somebody has just uploaded a file of the same path."))
    if constraint == "catalog_asset_joins_draft":
        return RevisionFinal(_("It was published meanwhile. Start a new revision."))
    return error


def remove_asset(*, actor: Actor, asset_id: uuid.UUID) -> None:
    """Take a file out of a draft revision; the file itself goes once that is committed.

    Raises ``RevisionFinal`` once published, ``ProductNotOpen``, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        asset = Asset.objects.filter(id=asset_id).first()
        if asset is None:
            raise NotFound
        revision = lock_draft(actor, asset.revision_id)
        if not Asset.objects.filter(id=asset.id).delete()[0]:
            raise NotFound
        insert_together(_asset_event("asset.removed", actor, revision, asset))
        transaction.on_commit(functools.partial(discard, [asset.storage_name]))


def remove_stray_files(older_than: datetime.timedelta = STRAY_AGE) -> int:
    """Remove stored files that no asset names, and say how many: what a process left that died while it received one.

    Files younger than ``older_than`` are left alone, for their transaction may still be open.
    """
    removed = 0
    old = names_older_than(clock.now() - older_than)
    while names := list(itertools.islice(old, STRAYS_A_QUERY)):
        known = set(Asset.objects.filter(storage_name__in=names).values_list("storage_name", flat=True))
        strays = [name for name in names if name not in known]
        discard(strays)
        removed += len(strays)
    if removed:
        logger.info("asset.strays_removed", number=removed)
    return removed


def _asset_event(name: str, actor: Actor, revision: Revision, asset: Asset) -> AuditEvent:
    identity = {"asset_id": str(asset.id), "product_id": str(revision.product_id)}
    return revision_event(name, actor, revision, identity | evidence_of_asset(asset))
