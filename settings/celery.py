"""Celery: Redis carries hints, PostgreSQL owns the work. A lost, late or doubled message must therefore do no harm, and
a dead Redis must hang nobody. Besides settings/urls.py, the only place that knows every room."""

import sys
from importlib import import_module
from importlib.util import find_spec

from celery import Celery
from celery.signals import import_modules, setup_logging, task_prerun
from django.conf import settings
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

SOFT_TIME_LIMIT = 540
HARD_TIME_LIMIT = 600

app = Celery("qianshu")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["worker"].add("market.outbox.sweeper:Sweeper")
app.conf.update(
    timezone="UTC",
    # Messages: JSON in and out, no results (state is in the database).
    accept_content=["json"],
    task_serializer="json",
    result_backend=None,
    task_ignore_result=True,
    # A message is acknowledged when its work is done, and goes back when its process is killed. The outbox counts
    # attempts in the database, so that a message that kills its worker ends in a dead letter, not in a loop.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_soft_time_limit=SOFT_TIME_LIMIT,
    task_time_limit=HARD_TIME_LIMIT,
    worker_soft_shutdown_timeout=20,
    worker_max_tasks_per_child=1000,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    # A worker outlives its broker: at start, and for as long as it takes.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=1,
    broker_transport_options={
        # Longer than any task, or Redis hands a running task to a second worker.
        "visibility_timeout": HARD_TIME_LIMIT + 300,
        # Without these, a publish to a silent Redis waits for ever.
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
        "socket_keepalive": True,
        # A worker notices a half-open connection within about twice this.
        "health_check_interval": 10,
    },
    # A request gives up on its hint after one try, so after a second at most; the sweeper sends it again. (redis-py by
    # itself reopens a connection that Redis has closed; a retry here only made the wait longer, up to six seconds.)
    task_publish_retry_policy={"max_retries": 0},
    # See `check_database` below.
    CELERY_DB_REUSE_MAX=sys.maxsize,
)


@setup_logging.connect
def keep_our_logging(**_kwargs) -> None:
    """Celery configures no logging when somebody answers this signal; Django has done it already."""


@task_prerun.connect
def check_database(**_kwargs) -> None:
    """Do for a task what Django does for a request: drop a database connection that is broken or old, keep a good one.
    Celery's own way, a new connection for each task, costs 6 ms where this costs 0.3 ms."""
    close_old_connections()


@import_modules.connect
def load_rooms(**_kwargs) -> None:
    """A room has tasks when it has tasks.py, and periodic ones when that has a BEAT_SCHEDULE."""
    schedule = {}
    for room in settings.ROOMS:
        if find_spec(f"{room}.tasks"):
            schedule |= getattr(import_module(f"{room}.tasks"), "BEAT_SCHEDULE", {})
    app.conf.beat_schedule = schedule
