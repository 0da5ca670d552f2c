"""One byte of one file in the store is not what it was, for a while."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.core.files.storage import storages

from market.catalog.models import Asset

KEPT = ".kept"
"""Ending of the sound copy, which waits beside the damaged file."""


@contextlib.contextmanager
def damaged_file(product_id: str) -> Iterator[None]:
    """Change a byte in the product's only file; put the file back at the end, and what a killed demo left damaged."""
    store = Path(storages["assets"].location)
    for forgotten in store.rglob("*" + KEPT):
        forgotten.replace(forgotten.with_name(forgotten.name.removesuffix(KEPT)))
    path = store / Asset.objects.get(revision__product_id=product_id).storage_name
    sound = path.with_name(path.name + KEPT)
    shutil.copy2(path, sound)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    try:
        yield
    finally:
        sound.replace(path)
