"""The embedded servers, used as a developer uses them: by command, several at once, and with things killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

PYTHON = sys.executable
SHOW = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'], flush=True)"
SHOW_AND_WAIT = f"{SHOW}; input()"


class Machine:
    """A machine without servers of its own: one folder, any number of commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "CACHE_URL"} and not name.startswith("PYTEST")
        } | {"QIANSHU_VAR_DIR": str(folder)}
        self.started: list[subprocess.Popen] = []

    def start(self, *command: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [PYTHON, "-m", "settings.embedded", *command],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *command: str) -> tuple[int, str, str]:
        process = self.start(*command)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def hold(self) -> tuple[subprocess.Popen, str, str]:
        """A command that stays; its servers' addresses."""
        process = self.start(PYTHON, "-c", SHOW_AND_WAIT)
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return process, *line.split()

    def leave(self, process: subprocess.Popen) -> None:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0

    def kill_servers(self) -> None:
        with redis.Redis.from_url(self.run(PYTHON, "-c", SHOW)[1].split()[1]) as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
        os.kill(int((self.folder / "servers/postgres/postmaster.pid").read_text().split()[0]), signal.SIGKILL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Deeper than a socket's path may be, and with spaces in it."""
    return tmp_path_factory.mktemp("machine") / "/".join(["a rather deep folder"] * 6)


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    machine = Machine(folder)
    yield machine
    for process in machine.started:
        if process.poll() is None:
            process.kill()
            process.communicate()
    machine.run(PYTHON, "-c", "")


def database_answers(url: str) -> bool:
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False


def redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, retry=None) as client:
            return client.ping()
    except redis.RedisError:
        return False


def test_the_last_to_leave_stops_the_servers(machine):
    first, database, broker = machine.hold()
    second, *same = machine.hold()
    assert same == [database, broker]

    machine.leave(first)
    assert database_answers(database) and redis_answers(broker)

    machine.leave(second)
    assert not database_answers(database)
    assert not redis_answers(broker)


def test_commands_that_start_together_share_servers_and_data(machine):
    together = [machine.start(PYTHON, "-c", SHOW_AND_WAIT) for _ in range(3)]
    addresses = {process.stdout.readline() for process in together}
    assert len(addresses) == 1 and "" not in addresses

    database, broker = addresses.pop().split()
    with psycopg.connect(database) as connection:
        assert connection.execute("SHOW server_version").fetchone()[0].startswith("18.")
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    with redis.Redis.from_url(broker) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    for process in together:
        machine.leave(process)


def test_everything_may_be_killed(machine):
    holder, database, broker = machine.hold()
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept (what text)")
        connection.execute("INSERT INTO kept VALUES ('committed')")
    machine.kill_servers()
    holder.kill()
    holder.communicate()

    _, database, broker = machine.hold()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT what FROM kept").fetchone() == ("committed",)
    assert redis_answers(broker)


def test_a_killed_command_leaves_servers_that_the_next_one_uses_and_stops(machine):
    holder, database, broker = machine.hold()
    holder.kill()
    time.sleep(0.1)
    assert database_answers(database)

    again, *same = machine.hold()
    assert same == [database, broker]
    # The killed command's child lives on without it, and counts as a user until it ends.
    machine.leave(again)
    assert database_answers(database)
    holder.communicate()
    machine.run(PYTHON, "-c", "")
    assert not database_answers(database)


def test_another_process_with_the_number_in_the_lock_file_is_not_taken_for_the_server(machine):
    machine.run(PYTHON, "-c", "")
    lock = machine.folder / "servers/postgres/postmaster.pid"
    assert not lock.exists()
    bystander = subprocess.Popen(["sleep", "60"], user="nobody" if os.geteuid() == 0 else None)
    try:
        lock.write_text(f"{bystander.pid}\n{lock.parent}\n1\n1\n\n127.0.0.1\n0 0\nready\n")
        assert machine.run(PYTHON, "-c", SHOW)[0] == 0
    finally:
        bystander.kill()
        bystander.wait()


def test_exit_codes_and_signals_pass_through(machine):
    assert machine.run(PYTHON, "-c", "raise SystemExit(7)")[0] == 7
    assert machine.run("no-such-command")[0] == 127

    waiting = machine.start(
        PYTHON, "-c", f"import signal, sys\nsignal.signal(15, lambda *_: sys.exit(9))\n{SHOW}\ninput()"
    )
    waiting.stdout.readline()
    waiting.terminate()
    waiting.wait(timeout=30)
    assert waiting.returncode == 9


def test_named_servers_are_left_alone(tmp_path):
    machine = Machine(tmp_path / "var")
    machine.environment |= {"DATABASE_URL": "postgresql:///theirs", "REDIS_URL": "redis://theirs"}
    assert machine.run(PYTHON, "-c", SHOW)[1].split() == ["postgresql:///theirs", "redis://theirs"]
    assert not machine.folder.exists()


def test_a_failure_says_what_is_wrong(tmp_path):
    machine = Machine(tmp_path / "var")
    machine.folder.touch()
    code, _, errors = machine.run(PYTHON, "-c", SHOW)
    assert code == 1
    assert errors.startswith("The embedded servers are not available.")
    assert "QIANSHU_VAR_DIR" in errors
