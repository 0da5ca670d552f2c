"""Files on their way in: streamed, counted, hashed; whatever goes wrong, nothing is left behind."""

import datetime
import hashlib
import io
import tracemalloc
import uuid

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from accounts.states import Role
from market.audit.models import AuditEvent
from market.catalog import services
from market.catalog.errors import (
    AssetPathTaken,
    ProductNotOpen,
    RevisionEmpty,
    RevisionFinal,
    UploadIncomplete,
    UploadTooLarge,
)
from market.catalog.models import Asset, Revision
from market.kernel import clock
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from tests import factories
from tests.catalog.conftest import CSV, add_asset


class Stream(io.RawIOBase):
    """``length`` bytes made while they are read; calls ``halfway`` once, or fails there."""

    def __init__(self, length: int, halfway=None) -> None:
        self.left = length
        self.middle = length // 2
        self.halfway = halfway

    def read(self, size=-1):
        if self.halfway is not None and self.left <= self.middle:
            halfway, self.halfway = self.halfway, None
            halfway()
        size = min(self.left, size if size >= 0 else self.left)
        self.left -= size
        return b"x" * size


@pytest.fixture
def draft(stall) -> Revision:
    return stall.revision(stall.draft(), {"first.csv": CSV}, publish=False)


@pytest.fixture
def unchanged(draft, stored_files):
    """Shows at the end that no file, row or event came or went."""
    before = (stored_files(), set(draft.assets.values_list("id", flat=True)), AuditEvent.objects.count())
    yield
    assert (stored_files(), set(draft.assets.values_list("id", flat=True)), AuditEvent.objects.count()) == before


def test_size_and_hash_are_of_what_was_written(stall, draft, stored_files):
    content = bytes(range(256)) * 5000
    digest = hashlib.sha256(content).hexdigest()
    asset = stall.upload(draft, "b.bin", content, declared_bytes=len(content), declared_sha256=digest.upper())
    asset.refresh_from_db()
    assert (asset.bytes, asset.sha256) == (len(content), digest)
    assert asset.media_type == "application/octet-stream"
    assert asset.storage_name in stored_files()
    event = AuditEvent.objects.filter(name="asset.added").order_by("id").last()
    assert event.payload["sha256"] == digest
    assert event.vendor_org_id == stall.vendor.id


def test_a_large_file_is_never_whole_in_memory(stall, draft):
    length = 64 * 1024 * 1024
    tracemalloc.start()
    asset = add_asset(actor=stall.actor, revision_id=draft.id, path="large.bin", stream=Stream(length))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert asset.bytes == length
    assert peak < 4 * 1024 * 1024


@pytest.mark.usefixtures("unchanged")
class TestRefused:
    def test_fewer_or_more_bytes_than_declared(self, stall, draft):
        for declared in (len(CSV) + 1, len(CSV) - 1):
            with pytest.raises(UploadIncomplete) as refusal:
                stall.upload(draft, "b.csv", CSV, declared_bytes=declared)
            assert refusal.value.extra == {"received": len(CSV), "declared": declared}

    def test_another_hash_than_declared(self, stall, draft):
        with pytest.raises(UploadIncomplete):
            stall.upload(draft, "b.csv", CSV, declared_sha256="0" * 64)

    def test_an_empty_file(self, stall, draft):
        with pytest.raises(UploadIncomplete):
            stall.upload(draft, "b.csv", b"")

    def test_too_large_while_it_arrives(self, stall, draft, settings):
        settings.ASSET_MAX_BYTES = 1_000_000
        endless = Stream(10**12)
        with pytest.raises(UploadTooLarge) as refusal:
            add_asset(actor=stall.actor, revision_id=draft.id, path="b", stream=endless)
        assert refusal.value.extra == {"limit": 1_000_000}
        assert endless.left > 10**12 - 2_000_000

    def test_too_large_by_its_own_account_is_not_read_at_all(self, stall, draft, settings):
        settings.ASSET_MAX_BYTES = 100
        stream = Stream(101)
        with pytest.raises(UploadTooLarge):
            add_asset(actor=stall.actor, revision_id=draft.id, path="b", stream=stream, declared_bytes=101)
        assert stream.left == 101

    def test_a_sender_that_vanishes(self, stall, draft):
        def vanish():
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            add_asset(actor=stall.actor, revision_id=draft.id, path="b", stream=Stream(10**6, vanish))

    def test_one_of_several(self, stall, draft):
        uploads = [
            services.Upload("good.csv", io.BytesIO(CSV)),
            services.Upload("bad.csv", io.BytesIO(CSV), declared_bytes=1),
        ]
        with pytest.raises(UploadIncomplete):
            services.add_assets(actor=stall.actor, revision_id=draft.id, uploads=uploads)

    def test_every_wrong_path_and_type_is_named_before_a_byte_is_read(self, stall, draft):
        stream = Stream(10)
        uploads = [
            services.Upload("../up", stream),
            services.Upload("fine", stream, media_type="nonsense"),
            services.Upload("a\x00b", stream),
        ]
        with pytest.raises(InvalidInput) as refusal:
            services.add_assets(actor=stall.actor, revision_id=draft.id, uploads=uploads)
        assert set(refusal.value.errors) == {"/files/0/path", "/files/1/media_type", "/files/2/path"}
        assert stream.left == 10

    def test_the_same_path_even_in_other_letters(self, stall, draft):
        for path in ("first.csv", "FIRST.csv"):
            with pytest.raises(AssetPathTaken):
                stall.upload(draft, path, CSV)
        twice = [services.Upload("x.csv", io.BytesIO(CSV)), services.Upload("X.csv", io.BytesIO(CSV))]
        with pytest.raises(AssetPathTaken):
            services.add_assets(actor=stall.actor, revision_id=draft.id, uploads=twice)

    def test_more_files_than_a_revision_holds(self, stall, draft, monkeypatch):
        monkeypatch.setattr("market.catalog.services.assets.MAX_ASSETS", 1)
        with pytest.raises(InvalidInput):
            stall.upload(draft, "second.csv", CSV)
        with pytest.raises(InvalidInput):
            services.add_assets(actor=stall.actor, revision_id=draft.id, uploads=[])


def test_by_a_rival_or_a_member_who_does_not_list(stall, draft, stored_files):
    before = stored_files()
    rival = factories.actor_of(factories.member(factories.organization("vendor"), Role.LISTER))
    finance = factories.actor_of(factories.member(stall.vendor, Role.FINANCE))
    for actor, refusal in ((rival, NotFound), (finance, Forbidden), (stall.reviewer, Forbidden)):
        with pytest.raises(refusal):
            add_asset(actor=actor, revision_id=draft.id, path="b.csv", stream=io.BytesIO(CSV))
        with pytest.raises(refusal):
            services.remove_asset(actor=actor, asset_id=draft.assets.get().id)
    assert stored_files() == before
    assert draft.assets.count() == 1


def test_published_while_it_arrives(stall, draft, stored_files):
    before = stored_files()

    def publish():
        services.publish_revision(actor=stall.actor, revision_id=draft.id)

    with pytest.raises(RevisionFinal):
        add_asset(actor=stall.actor, revision_id=draft.id, path="late.bin", stream=Stream(10**6, publish))
    assert stored_files() == before
    assert [asset.path for asset in draft.assets.all()] == ["first.csv"]


def test_the_same_path_arrives_twice_at_a_time(stall, draft, stored_files):
    def overtake():
        stall.upload(draft, "late.bin", b"quicker")

    with pytest.raises(AssetPathTaken):
        add_asset(actor=stall.actor, revision_id=draft.id, path="LATE.bin", stream=Stream(10**6, overtake))
    assert draft.assets.get(path="late.bin").bytes == 7
    assert len(stored_files(f"{draft.product_id}/{draft.id}")) == 2


def test_a_published_revision_takes_and_gives_no_file(stall):
    revision = stall.revision(stall.draft())
    asset = revision.assets.get()
    with pytest.raises(RevisionFinal):
        stall.upload(revision, "b.csv", CSV)
    with pytest.raises(RevisionFinal):
        services.remove_asset(actor=stall.actor, asset_id=asset.id)
    with pytest.raises(RevisionFinal):
        services.edit_revision(actor=stall.actor, revision_id=revision.id, notes="changed")
    with pytest.raises(RevisionFinal):
        services.publish_revision(actor=stall.actor, revision_id=revision.id)
    assert Asset.objects.get() == asset


def test_under_review_nothing_moves(stall):
    product = stall.ready()
    draft = stall.revision(product, publish=False)
    services.submit_product(actor=stall.actor, product_id=product.id)
    with pytest.raises(ProductNotOpen):
        stall.upload(draft, "b.csv", CSV)
    with pytest.raises(ProductNotOpen):
        services.publish_revision(actor=stall.actor, revision_id=draft.id)
    with pytest.raises(ProductNotOpen):
        services.edit_revision(actor=stall.actor, revision_id=draft.id, notes="changed")
    assert draft.assets.count() == 1


def test_removed_for_good_once_committed(stall, draft, stored_files, django_capture_on_commit_callbacks):
    asset = draft.assets.get()
    with django_capture_on_commit_callbacks(execute=True):
        services.remove_asset(actor=stall.actor, asset_id=asset.id)
        assert asset.storage_name in stored_files()
    assert asset.storage_name not in stored_files()
    with pytest.raises(NotFound):
        services.remove_asset(actor=stall.actor, asset_id=asset.id)
    with pytest.raises(RevisionEmpty):
        services.publish_revision(actor=stall.actor, revision_id=draft.id)
    assert AuditEvent.objects.filter(name="asset.removed").get().payload["sha256"] == asset.sha256


def test_only_old_files_without_a_row_are_swept(stall, draft, stored_files):
    store = storages["assets"]
    asset = draft.assets.get()
    stray = store.save(f"{draft.product_id}/{draft.id}/{uuid.uuid4()}", ContentFile(b"left behind"))
    foreign = store.save(f"notes-{uuid.uuid4()}.txt", ContentFile(b"not an asset"))
    assert services.remove_stray_files() == 0
    assert {stray, foreign, asset.storage_name} <= stored_files()
    with clock.frozen_at(clock.now() + datetime.timedelta(days=2)):
        assert services.remove_stray_files() >= 1
        assert services.remove_stray_files() == 0
    assert stray not in stored_files()
    assert {foreign, asset.storage_name} <= stored_files()
    store.delete(foreign)
