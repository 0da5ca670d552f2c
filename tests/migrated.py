"""The database as migrations leave it, made once: every process of the tests, and the next run, begins with a copy."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import django
from django.conf import settings
from django.db import connections

ROOT = Path(__file__).parent.parent
PREFIX = "qianshu_migrated_"


def database() -> str:
    """The name of a database on which every migration has been carried out, and to which nobody is connected.

    It is made when there is none for the code as it is; the other processes wait for the first. Those of the code as
    it was go.
    """
    name = PREFIX + _digest()
    settings.VAR_DIR.parent.mkdir(parents=True, exist_ok=True)
    with open(settings.VAR_DIR.parent / "migrated.lock", "w") as lock, connections["default"]._nodb_cursor() as cursor:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        known = {found for (found,) in cursor.fetchall()}
        if name not in known:
            _make(cursor, name)
        for old in known - {name}:
            cursor.execute(f"DROP DATABASE IF EXISTS {old}")
    return name


def _make(cursor, name: str) -> None:
    """Under another name until it is whole."""
    unfinished = f"{PREFIX}unfinished"
    cursor.execute(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")
    cursor.execute(f"CREATE DATABASE {unfinished}")
    command = [sys.executable, ROOT / "manage.py", "migrate", "--verbosity", "0"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings.test", "QIANSHU_TEST_DATABASE": unfinished}
    subprocess.run(command, env=environment, check=True)
    cursor.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")


def _digest() -> str:
    """Of all that migrations are made of: the rooms' own files, what they import, and Django."""
    digest = hashlib.sha256(django.__version__.encode())
    for room in ("accounts", "market"):
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".py", ".sql"):
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
