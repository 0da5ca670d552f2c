"""Which handler does which kind of job. Higher rooms register theirs in ``AppConfig.ready()``."""

import dataclasses
import datetime
from collections.abc import Callable

from market.outbox.models import Job


@dataclasses.dataclass(frozen=True, slots=True)
class Handler:
    """How one kind of job is done.

    ``perform`` must be idempotent. A short handler runs inside the transaction that finishes the job. A long one
    (``is_long``: files, network) runs outside any transaction, calls ``outbox.services.renew`` at least every third
    of a lease, and finishes the job itself by ``outbox.services.finish`` in its last transaction, so that its effect
    and the job's end commit together.
    ``give_up`` is called inside the transaction that buries the job after ``max_attempts``, or at once after
    ``Hopeless``; the job's ``last_error`` says why.
    """

    perform: Callable[[Job], None]
    is_long: bool = False
    max_attempts: int = 8
    backoff: datetime.timedelta = datetime.timedelta(seconds=2)
    give_up: Callable[[Job], None] | None = None


def _nobody(job: Job) -> None:
    raise LookupError(f"no handler is registered for {job.kind}")


_handlers: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> None:
    """Say how jobs of ``kind`` are done. Raises ``ValueError`` when the kind is already taken."""
    if kind in _handlers:
        raise ValueError(f"{kind} already has a handler")
    _handlers[kind] = handler


def handler_of(kind: str) -> Handler:
    """The handler of ``kind``. Where nobody registered one, a handler that fails: the job is retried, for a newer
    worker may know it (a deployment under way), and ends as a dead letter."""
    return _handlers.get(kind) or Handler(_nobody)


def kinds() -> list[str]:
    """Every registered kind."""
    return sorted(_handlers)
