"""What several acts on running contracts have in common."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog

logger = structlog.get_logger(__name__)


def one_by_one(failure: str, act: Callable[..., int], each: Iterable[dict[str, Any]]) -> int:
    """Do ``act`` with each of the arguments, in a transaction of its own; the sum of what it returns.

    What fails unexpectedly is logged as ``failure`` and tried again at the next beat: one broken contract must not hold
    up all those behind it.
    """
    done = 0
    for arguments in each:
        try:
            done += act(**arguments)
        except Exception:  # whatever it is, it is this one's alone
            logger.exception(failure, **{name: str(value) for name, value in arguments.items()})
    return done
