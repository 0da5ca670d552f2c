"""A developer's machine and the demo: readable logs, helpful errors."""

import os
import sys

from settings import environment, logs
from settings.base import *  # noqa: F403

DEBUG = environment.boolean("DEBUG", True)
SECRET_KEY = os.environ.get("SECRET_KEY") or "for-development-only-" * 3
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]", "testserver"]

LOGGING = logs.logging_settings(logs.console(colors=sys.stderr.isatty()))

WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
