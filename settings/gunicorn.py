"""gunicorn settings.wsgi --config python:settings.gunicorn  (development and production alike)"""

import os
from pathlib import Path

from django.conf import settings
from gunicorn.glogging import Logger


class Log(Logger):
    """gunicorn's own, but for requests: their log is settings/middleware.py's."""

    def access(self, *_request: object) -> None:
        """Nothing."""


logger_class = Log
bind = os.environ.get("WEB_BIND") or "127.0.0.1:8000"
worker_class = "settings.worker.LaneWorker"
# Python runs one thread of a process at a time. Orders that meet in one process go to the database together, and a
# database on the same machine wants the other half of the cores; where it has its own machine, say as many as cores.
workers = int(os.environ.get("WEB_CONCURRENCY") or max(1, (os.cpu_count() or 1) // 2))
preload_app = True  # a process is there at once, so nobody waits while another is replaced
# Each thread keeps a database connection, and so does the main thread: workers * (threads + 1), and the Celery
# workers', must fit max_connections.
threads = 8
timeout = 60
graceful_timeout = 30
# A process is replaced now and then, not all at the same moment.
max_requests = 100_000
max_requests_jitter = 10_000
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
# Nobody steers a running server through a file in somebody's home.
control_socket_disable = True
logconfig_dict = settings.LOGGING
