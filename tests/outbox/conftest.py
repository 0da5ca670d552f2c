import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from django.db import connection

from tests.outbox import probes


@pytest.fixture
def impatient(child_environment) -> None:
    """Workers of this test lease for two seconds and sweep every second."""
    child_environment |= {"OUTBOX_LEASE_SECONDS": "2", "OUTBOX_SWEEP_SECONDS": "1", "OUTBOX_REHINT_SECONDS": "1"}


@pytest.fixture
def start_probing(impatient, start_worker) -> Callable[..., subprocess.Popen]:
    """Start a worker that knows the probes."""
    return lambda *arguments: start_worker("--include", "tests.outbox.probes", *arguments)


@pytest.fixture
def gate(transactional_db) -> Callable[[], AbstractContextManager[None]]:
    """Inside ``with gate():`` every probe that reaches the gate waits; leaving it lets them all go on."""

    @contextmanager
    def closed() -> Iterator[None]:
        parameters = connection.get_connection_params()
        names = ("host", "port", "user", "password", "dbname")
        with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [probes.GATE])
            yield

    return closed
