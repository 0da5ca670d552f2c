"""Production starts only when it is safe, and says what is missing. Each case is a real process."""

import os
import secrets
import subprocess
import sys

import pytest
from django.conf import settings

GOOD = {
    "DJANGO_SETTINGS_MODULE": "settings.production",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "exchange.example",
    "DATABASE_URL": "postgresql:///qianshu",
    "REDIS_URL": "redis://broker/0",
    "CACHE_URL": "redis://cache/0",
}


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    machine = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=machine | environment,
        capture_output=True,
        text=True,
    )


def test_the_deployment_checks_find_nothing():
    done = manage(GOOD, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"SECRET_KEY": ""}, "Set SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "Set SECRET_KEY"),
        ({"SECRET_KEY": "for-development-only-" * 3}, "Set SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "Set ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "Set ALLOWED_HOSTS"),
        ({"DATABASE_URL": ""}, "Set DATABASE_URL"),
        ({"REDIS_URL": ""}, "Set REDIS_URL"),
        ({"CACHE_URL": ""}, "Set CACHE_URL"),
        ({"CACHE_URL": "redis://broker/0"}, "Set CACHE_URL"),
        ({"CACHE_URL": "redis://broker/1"}, "Set CACHE_URL"),
        ({"DEBUG": "true"}, "Unset DEBUG"),
        ({"DEBUG": "perhaps"}, "DEBUG must be true or false"),
        ({"NUM_PROXIES": "one"}, "NUM_PROXIES must be a whole number"),
        ({"DATABASE_URL": "postgresql://host/"}, "names no database"),
        ({"DATABASE_URL": "mysql://host/name"}, "not a libpq connection string"),
    ],
)
def test_it_refuses_and_says_what_to_set(change, advice):
    done = manage(GOOD | change, "check")
    assert done.returncode != 0
    assert advice in done.stderr.splitlines()[-1]
