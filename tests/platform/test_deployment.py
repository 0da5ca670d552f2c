"""What is written for a machine to run agrees with what the settings read and with what the repository holds."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)

# Not ours: read by the images, by Django itself, or by compose to fill in the rest.
FOREIGN = {"DJANGO_SETTINGS_MODULE", "POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB"}


def names_read_by_settings() -> set[str]:
    reads = r"""(?:environ\.get\(|environ\[|environment\.\w+\()\s*"([A-Z_]+)\""""
    code = "\n".join(
        path.read_text()
        for path in (ROOT / "settings").glob("*.py")
        if path.name not in {"test.py", "embedded.py", "dev.py"}
    )
    return set(re.findall(reads, code))


def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def dockerfile() -> list[list[str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def example_names() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_names_every_variable_and_no_other():
    assert example_names() == names_read_by_settings() | {"DJANGO_SETTINGS_MODULE", "POSTGRES_PASSWORD"}


def test_compose_sets_only_what_is_read():
    read = names_read_by_settings() | FOREIGN
    for name, service in compose()["services"].items():
        assert set(service.get("environment", {})) <= read, name
    filled_in = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert filled_in <= example_names()


def test_compose_keeps_the_broker_and_ends_unhealthy_services():
    services = compose()["services"]
    broker = services["redis"]["command"]
    assert broker[broker.index("--maxmemory-policy") + 1] == "noeviction"
    assert broker[broker.index("--appendonly") + 1] == "yes"
    assert services["postgres"]["image"] == "postgres:18"
    assert all("healthcheck" in service or name == "web" for name, service in services.items())
    assert {"web", "worker", "beat"} <= set(services)
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_the_image_copies_what_exists_and_does_not_run_as_root():
    lines = dockerfile()
    sources = [source for line in lines if line[0] == "COPY" and "--from" not in line[1] for source in line[1:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == {source.rstrip("/") for source in sources}
    assert [line[1] for line in lines if line[0] == "USER"] == ["qianshu"]
    assert any(line[0] == "HEALTHCHECK" for line in lines)


def test_the_image_holds_every_room_and_the_translations():
    needed = {room.split(".")[0] for room in settings.ROOMS} | {"settings"}
    needed |= {path.name for path in settings.LOCALE_PATHS if path.exists()}
    sources = {word.rstrip("/") for line in dockerfile() if line[0] == "COPY" for word in line[1:-1]}
    assert needed <= sources


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r"))]
    assert lines and all(re.fullmatch(r"[A-Za-z0-9_-]+(\[[a-z,]+\])?==[0-9][0-9a-z.]*", line) for line in lines)


def test_every_command_of_the_procfile_is_installed():
    commands = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert set(commands) == {"web", "worker", "beat"}
    assert {shlex.split(command)[0] for command in commands.values()} == {"gunicorn", "celery"}
