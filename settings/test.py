"""Tests: production's behaviour on throw-away databases. Each pytest process has its own Redis databases and files."""

import os

from settings import environment, logs
from settings.base import *  # noqa: F403
from settings.base import CACHES, REDIS_URL, STORAGES, VAR_DIR, private_files

DEBUG = False
SECRET_KEY = "for-tests-only-" * 4
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]

# pytest-django gives each process a database named after the worker; Redis and the files follow. Databases 0 and 1 are
# a developer's; a plain Redis has 16 of them, so up to seven processes.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
NUMBER = int(WORKER.removeprefix("gw"))
CELERY_BROKER_URL = REDIS_URL = environment.redis_database(REDIS_URL, 2 + 2 * NUMBER)
CACHES["default"]["LOCATION"] = environment.redis_database(REDIS_URL, 3 + 2 * NUMBER)

# A process that a test starts (worker, web server) is told here which of the test databases is its own.
if os.environ.get("QIANSHU_TEST_DATABASE"):
    DATABASES["default"]["NAME"] = os.environ["QIANSHU_TEST_DATABASE"]  # noqa: F405

VAR_DIR = VAR_DIR / "test" / WORKER
for alias in ("default", "assets", "reports", "invoices"):
    STORAGES[alias] = private_files(f"test/{WORKER}/{alias}")

# Every test looks at its own market.
DASHBOARD_SECONDS = 0

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING = logs.logging_settings(logs.console(colors=False))
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
