"""Orders placed through the service, the files behind them, and workers held at a file."""

import errno
import itertools
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.core.files.storage import storages

from market.catalog.models import Asset, Offer
from market.delivery.models import Entitlement
from market.kernel import clock
from market.orders import jobs
from market.orders import services as orders
from market.orders.models import Order
from market.outbox import services as outbox
from market.outbox.models import Job
from tests import factories

_references = itertools.count(1)


def place(market: factories.Market, offer: Offer | None = None) -> Order:
    """The market's buyer orders one unit of this offer, or of the market's."""
    return orders.place(
        actor=factories.actor_of(market.purchaser),
        offer_id=(offer or market.offer).id,
        quantity=1,
        purpose="Cold-chain planning.",
        client_reference=f"DELIVERY-{next(_references)}",
    )


def job_of(order: Order, number: int = 1) -> Job:
    return Job.objects.get(kind=jobs.DELIVER, key=f"{order.id}:{number}")


def deliver(order: Order, number: int = 1) -> Job:
    """Perform the order's delivery job once, now, whatever its due time."""
    job = job_of(order, number)
    with clock.frozen_at(max(job.due_at, clock.now())):
        outbox.perform(job.id)
    return job_of(order, number)


def entitled(market: factories.Market, files: dict[str, bytes] | None = None) -> Entitlement:
    """A fresh order, delivered; of a new revision with these files when given."""
    if files is not None:
        factories.revision(market.offer.product, files)
    order = place(market)
    deliver(order)
    return Entitlement.objects.get(order=order)


def asset_of(order: Order) -> Asset:
    return Asset.objects.get(revision_id=order.revision_id)


def stored_path(asset: Asset) -> Path:
    return Path(storages["assets"].path(asset.storage_name))


@contextmanager
def held_file(asset: Asset) -> Iterator[Path]:
    """Replace the stored file by a pipe, so that whoever opens it waits for a writer. Gives a second name of the
    pipe, which stays when the file is put back."""
    path = stored_path(asset)
    content = path.read_bytes()
    pipe = path.with_name(f"pipe-{uuid.uuid4().hex}")
    os.mkfifo(pipe)
    path.unlink()
    os.link(pipe, path)
    try:
        yield pipe
    finally:
        path.unlink()
        path.write_bytes(content)
        pipe.unlink()


def writer_for(pipe: Path) -> BinaryIO | None:
    """The other end of the pipe when somebody has come to read it, else None. The reader waits until it is closed."""
    try:
        return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


def put_back(asset: Asset, content: bytes = factories.CONTENT) -> None:
    """The file is what it was for whoever opens it from now on."""
    path = stored_path(asset)
    path.unlink()
    path.write_bytes(content)
