"""A small thread in every worker that hints again what the broker lost."""

import threading

import structlog
from celery import bootsteps
from django.conf import settings
from django.db import connection

from market.outbox import services

logger = structlog.get_logger(__name__)


class Sweeper(bootsteps.StartStopStep):
    """Worker boot step: sweeps every ``OUTBOX_SWEEP_SECONDS`` until the worker stops."""

    requires = {"celery.worker.components:Pool"}

    def __init__(self, worker, **options) -> None:
        super().__init__(worker, **options)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, worker) -> None:
        self._thread = threading.Thread(target=self._run, name="outbox-sweeper", daemon=True)
        self._thread.start()

    def stop(self, worker) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(settings.OUTBOX_SWEEP_SECONDS):
            try:
                services.sweep()
            except Exception:  # whatever it was, the next sweep must come
                logger.exception("outbox.sweep_failed")
            finally:
                # A pool process forked later must not inherit an open connection of this thread.
                connection.close()
