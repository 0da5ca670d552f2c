"""Revisions: a draft is described and filled, then published for good; a published one can only be revoked."""

import json
import uuid
from typing import Any

from django.core.files.storage import storages
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.errors import DraftExists, RevisionChanged, RevisionEmpty, RevisionFinal
from market.catalog.locks import lock_own_product, lock_product_in_charge
from market.catalog.models import Asset, Revision
from market.catalog.profiles import CSV_TYPES, MAX_BYTES, profile_csv
from market.catalog.services.rules import Findings, check_revision, clean_reason, evidence_of_revision, require_open
from market.catalog.states import REVISION_MOVES, RevisionState
from market.catalog.validators import MAX_JSON_BYTES
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.errors import NotFound

REVISION_FIELDS = ("notes", "data_dictionary", "sample", "profile")
MAX_PROFILED_FILES = 20


def start_revision(
    *,
    actor: Actor,
    product_id: uuid.UUID,
    notes: str = "",
    data_dictionary: dict[str, Any] | None = None,
    sample: list[dict[str, Any]] | None = None,
    profile: dict[str, Any] | None = None,
) -> Revision:
    """A new draft with the next number. Without a data dictionary it takes over the last revision's.

    Raises ``DraftExists``, ``ProductNotOpen`` (in review or delisted), ``InvalidInput``, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        product = lock_own_product(actor, product_id)
        require_open(product)
        last = Revision.objects.filter(product=product).order_by("-number").first()
        if last is not None and last.state == RevisionState.DRAFT:
            raise DraftExists(_("Publish revision %(number)d first.") % {"number": last.number})
        if data_dictionary is None:
            data_dictionary = last.data_dictionary if last is not None else {}
        revision = Revision(
            product=product,
            vendor_org_id=product.vendor_org_id,
            number=last.number + 1 if last is not None else 1,
            notes=notes,
            data_dictionary=data_dictionary,
            sample=sample or [],
            profile=profile or {},
        )
        findings = Findings()
        check_revision(revision, findings)
        findings.raise_if_any()
        insert_together(
            revision,
            revision_event(
                "revision.started", actor, revision, {"product_id": str(product.id), "number": revision.number}
            ),
        )
    return revision


def edit_revision(*, actor: Actor, revision_id: uuid.UUID, **changes: Any) -> Revision:
    """Change notes, data dictionary, sample or profile of a draft.

    Raises ``RevisionFinal`` once published, ``InvalidInput``, ``Forbidden``, ``NotFound``.
    """
    if unknown := set(changes) - set(REVISION_FIELDS):
        raise TypeError(f"a revision has no {', '.join(sorted(unknown))}")
    with transaction.atomic():
        revision = lock_draft(actor, revision_id)
        for name, value in changes.items():
            setattr(revision, name, value)
        findings = Findings()
        check_revision(revision, findings)
        findings.raise_if_any()
        Revision.objects.filter(id=revision.id).update(**{name: getattr(revision, name) for name in changes})
        insert_together(
            revision_event(
                "revision.edited",
                actor,
                revision,
                {"product_id": str(revision.product_id), "number": revision.number, "changed": sorted(changes)},
            )
        )
    return revision


def publish_revision(*, actor: Actor, revision_id: uuid.UUID) -> Revision:
    """Make a draft final: from now on it is what new orders deliver, and nobody can change it.

    Where the vendor gave no profile or sample, they are taken from the CSV files (no sample rows of personal
    information). Raises ``RevisionEmpty``, ``RevisionChanged`` when a file came or went meanwhile, ``RevisionFinal``,
    ``ProductNotOpen``, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        draft = lock_draft(actor, revision_id)
        profiled = list(draft.assets.all())
    # Files are read while nothing is locked; whether they are still the revision's is checked below.
    described = describe(draft, profiled)
    with transaction.atomic():
        revision = lock_draft(actor, revision_id)
        assets = list(revision.assets.all())
        if not assets:
            raise RevisionEmpty(_("Upload at least one file, then publish."))
        if {asset.id for asset in assets} != {asset.id for asset in profiled}:
            raise RevisionChanged(_("Look at its files, then publish."))
        changes = {name: value for name, value in described.items() if not getattr(revision, name)}
        revision.published_at = clock.now()
        move_state(
            Revision.objects.filter(id=revision.id),
            REVISION_MOVES,
            RevisionState.PUBLISHED,
            published_at=revision.published_at,
            **changes,
        )
        insert_together(revision_event("revision.published", actor, revision, evidence_of_revision(revision, assets)))
    revision.state = RevisionState.PUBLISHED
    for name, value in changes.items():
        setattr(revision, name, value)
    return revision


def revoke_revision(*, actor: Actor, revision_id: uuid.UUID, reason: str) -> None:
    """Withdraw a published revision from new orders. The row and the reason stay; the vendor or the operator may.

    Raises ``InvalidInput`` without a reason, ``IllegalTransition``, ``Forbidden``, ``NotFound``.
    """
    reason = clean_reason(reason)
    with transaction.atomic():
        revision = _find(revision_id)
        lock_product_in_charge(actor, revision.product_id)
        move_state(
            Revision.objects.filter(id=revision.id),
            REVISION_MOVES,
            RevisionState.REVOKED,
            revoked_at=clock.now(),
            revocation_reason=reason,
        )
        insert_together(
            revision_event(
                "revision.revoked",
                actor,
                revision,
                {"product_id": str(revision.product_id), "number": revision.number, "reason": reason},
            )
        )


def lock_draft(actor: Actor, revision_id: uuid.UUID) -> Revision:
    """A draft revision of the actor's own product, which is locked. Raises as the acts on drafts do."""
    found = _find(revision_id)
    product = lock_own_product(actor, found.product_id)
    require_open(product)
    # Read again: only now is it certain that nobody else publishes it meanwhile.
    revision = _find(revision_id)
    revision.product = product
    if revision.state != RevisionState.DRAFT:
        raise RevisionFinal(_("Start a new revision for new content."), state=revision.state)
    return revision


def _find(revision_id: uuid.UUID) -> Revision:
    revision = Revision.objects.filter(id=revision_id).first()
    if revision is None:
        raise NotFound
    return revision


def describe(revision: Revision, assets: list[Asset]) -> dict[str, Any]:
    """Profile and sample computed from the CSV files among ``assets``, whatever the vendor gave; bounded in bytes.

    Sample rows come from the first file that has any, and never from a product with personal information.
    """
    files: list[dict[str, Any]] = []
    sample: list[dict[str, Any]] = []
    budget = MAX_BYTES
    for asset in [asset for asset in assets if asset.media_type in CSV_TYPES][:MAX_PROFILED_FILES]:
        with storages["assets"].open(asset.storage_name) as stream:
            profile, rows, taken = profile_csv(stream, asset.media_type, budget)
        files.append({"path": asset.path, **profile})
        sample = sample or rows
        budget -= taken
        if budget <= 0:
            break
    while files and _too_long(files):
        files.pop()
    while sample and _too_long(sample):
        sample.pop()
    if revision.product.has_personal_information:
        sample = []
    return {"profile": {"files": files} if files else {}, "sample": sample}


def _too_long(value: list[dict[str, Any]]) -> bool:
    return len(json.dumps(value, ensure_ascii=False).encode()) > MAX_JSON_BYTES


def revision_event(name: str, actor: Actor, revision: Revision, payload: dict[str, Any]) -> AuditEvent:
    """An unsaved event about a revision, filed under its vendor."""
    return event(
        name,
        actor=actor,
        subject=("revision", revision.id),
        on_behalf_of=revision.vendor_org_id,
        vendor_org_id=revision.vendor_org_id,
        payload=payload,
    )
