"""The rules of docs/architecture.md that a machine can check."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandParser, call_command, get_commands, load_command_class

ROOT = Path(settings.BASE_DIR)
CODE = ["accounts", "market", "settings"]


def run(*command: str) -> None:
    program = shutil.which(command[0], path=str(Path(sys.executable).parent))
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_point_down():
    run("lint-imports", "--no-cache")


def test_style():
    run("ruff", "check", ".")
    run("ruff", "format", "--check", ".")


def test_every_room_is_in_the_layers_and_installed():
    rooms = {f"market.{path.name}" for path in (ROOT / "market").iterdir() if (path / "__init__.py").exists()}
    rooms.add("accounts")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert {room.strip() for layer in layers for room in layer.split("|")} == rooms
    assert set(settings.ROOMS) == rooms


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_every_command_explains_its_options():
    """``--help`` says what each option of ours is for."""
    unsaid = []
    for name, app in get_commands().items():
        if not str(app).startswith(("accounts", "market")):
            continue
        command = load_command_class(app, name)
        parser = CommandParser()
        command.add_arguments(parser)
        unsaid += [f"{name} {action.dest}" for action in parser._actions if not action.help]
        assert command.help, name
    assert unsaid == []


def test_files_stay_readable():
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long, f"split by act: {long}"
