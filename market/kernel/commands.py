"""What the management commands of every room have in common."""

import contextlib
from collections.abc import Iterator

from django.core.management.base import CommandError

from market.kernel.errors import BusinessError


@contextlib.contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Let a command end with what is wrong with its wish, one line and no traceback, when a service refuses it.

    Raises ``CommandError`` for a ``BusinessError``.
    """
    try:
        yield
    except BusinessError as error:
        told = error.errors.values() or (text for text in (error.title, error.detail) if text)
        raise CommandError("; ".join(map(str, told))) from error
