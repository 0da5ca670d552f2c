"""A vendor about to list its first product, and an operator who will look at it."""

import io
import uuid
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest
from django.core.files.storage import storages

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.catalog import services
from market.catalog.models import Asset, Offer, Product, Review, Revision
from market.catalog.states import REVIEW_CHECKLIST, PriceModel, ProductKind, RightsBasis, Sector
from market.kernel.actors import Actor
from tests import factories

CSV = "站点,温度,日期\n贵阳,21.5,2026-01-01\n遵义,19,2026-01-02\n安顺,,2026-01-03\n".encode()
ALL_CONFIRMED = dict.fromkeys(REVIEW_CHECKLIST, True)


def add_asset(*, actor: Actor, revision_id: uuid.UUID, path: str, stream: BinaryIO, **declared: Any) -> Asset:
    """One file of a draft."""
    uploads = [services.Upload(path, stream, **declared)]
    return services.add_assets(actor=actor, revision_id=revision_id, uploads=uploads)[0]


@dataclass
class Stall:
    """A verified vendor with a lister, and the exchange's operator; acts as one would by hand."""

    lister: Membership
    operator: Membership

    @property
    def actor(self) -> Actor:
        return factories.actor_of(self.lister)

    @property
    def reviewer(self) -> Actor:
        return factories.actor_of(self.operator)

    @property
    def vendor(self):
        return self.lister.organization

    def draft(self, **fields) -> Product:
        """A draft product that holds nothing yet."""
        defaults = {
            "code": f"P-{uuid.uuid4().hex[:8]}",
            "title": "气象观测",
            "description": "逐小时观测。",
            "kind": ProductKind.DATASET,
            "sector": Sector.M,
            "rights_basis": RightsBasis.OPERATION,
        }
        return services.create_product(actor=self.actor, **defaults | fields)

    def revision(self, product: Product, files: dict[str, bytes] | None = None, publish: bool = True) -> Revision:
        """A revision with files, published unless told otherwise."""
        revision = services.start_revision(actor=self.actor, product_id=product.id)
        for path, content in (files or {"observations.csv": CSV}).items():
            self.upload(revision, path, content)
        if publish:
            return services.publish_revision(actor=self.actor, revision_id=revision.id)
        return revision

    def upload(self, revision: Revision, path: str, content: bytes, **declared):
        stream = io.BytesIO(content)
        return add_asset(actor=self.actor, revision_id=revision.id, path=path, stream=stream, **declared)

    def offer(self, product: Product, amount: int = 10_000, **fields) -> Offer:
        return services.create_offer(
            actor=self.actor,
            product_id=product.id,
            amount=amount,
            **{"price_model": PriceModel.ONE_OFF, "licence": "Internal use."} | fields,
        )

    def ready(self, **fields) -> Product:
        """A draft that can be submitted."""
        product = self.draft(**fields)
        self.revision(product)
        self.offer(product)
        return product

    def submitted(self, **fields) -> Review:
        return services.submit_product(actor=self.actor, product_id=self.ready(**fields).id)

    def approve(self, review: Review) -> Product:
        services.decide_review(actor=self.reviewer, review_id=review.id, decision="approved", checklist=ALL_CONFIRMED)
        return Product.objects.get(id=review.product_id)

    def listed(self, **fields) -> Product:
        return self.approve(self.submitted(**fields))


@pytest.fixture
def stall(db) -> Stall:
    exchange = factories.organization(Capacity.OPERATOR)
    vendor = factories.organization(Capacity.VENDOR, name="黔云数据有限公司")
    return Stall(factories.member(vendor, Role.LISTER), factories.member(exchange, Role.OPERATOR))


@pytest.fixture
def stored_files() -> "callable":
    """The names of all files in the asset store, to show that nothing was left behind."""

    def names(folder: str = "") -> set[str]:
        store = storages["assets"]
        if folder and not store.exists(folder) or not folder and not store.exists("."):
            return set()
        folders, files = store.listdir(folder)
        inner = {name for sub in folders for name in names(f"{folder}/{sub}".lstrip("/"))}
        return {f"{folder}/{file}".lstrip("/") for file in files} | inner

    return names
