"""One log line a request, as JSON, with the id that the client gets too, and without the query string."""

import json
import logging
import os
import subprocess
import sys

import pytest
import structlog

from settings import logs


class Collector(logging.Handler):
    """Keeps what production would write for the standard library's loggers."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        formatter = logs.logging_settings(logs.lines())["formatters"]["line"]
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=formatter["foreign_pre_chain"], processors=formatter["processors"]
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


@pytest.fixture
def lines(capsys):
    """What production has written since it was last asked."""
    collector = Collector()
    logging.getLogger().addHandler(collector)
    # Loggers that have been used keep this list.
    processors = structlog.get_config()["processors"]
    before = [*processors]
    processors[:] = logs.processors(logs.lines())

    def read() -> list[dict]:
        ours = [line for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in [*ours, *collector.written]]

    yield read
    processors[:] = before
    logging.getLogger().removeHandler(collector)


def test_a_request_is_logged_once_with_the_id_sent_back_and_no_secret(client, lines):
    answer = client.get("/nowhere?signature=secret", headers={"x-request-id": "chosen by the client"})
    written = lines()
    (line,) = [line for line in written if line["event"] == "request_finished"]
    assert line["request_id"] == answer["X-Request-ID"] != "chosen by the client"
    assert line["request"] == "GET /nowhere"
    assert "secret" not in json.dumps(written)
    assert line["level"] == "warning" and line["code"] == 404 and line["timestamp"].endswith("Z")


def test_the_standard_library_logs_the_same_way(lines):
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        try:
            raise ValueError("不行")
        except ValueError:
            logging.getLogger("django.db").exception("failed for %s", "order")
    (line,) = lines()
    assert line["event"] == "failed for order"
    assert line["request_id"] == "r-1"
    assert "ValueError: 不行" in line["exception"]


def test_whatever_a_line_is_given_it_is_written(lines):
    log = structlog.get_logger("market.somewhere")
    log.info("odd", half="\ud800", beyond=2**70, kind=ValueError, name="市")
    log.debug("not asked for")
    try:
        raise ValueError("不行")
    except ValueError:
        log.exception("failed", link="/downloads/secret/1")
    odd, failed = lines()
    assert (odd["half"], odd["beyond"], odd["name"]) == ("\ud800", 2**70, "市")
    assert (failed["logger"], failed["level"], failed["link"]) == ("market.somewhere", "error", "/downloads/[link]/1")
    assert "ValueError: 不行" in failed["exception"]


@pytest.mark.parametrize(("level", "written"), [("fatal", []), ("warn", ["late"]), ("debug", ["early", "late"])])
def test_every_level_that_the_standard_library_knows_is_understood(level, written):
    program = """
import structlog
from settings import logs
logs.configure(logs.logging_settings(logs.lines()))
log = structlog.get_logger("market.somewhere")
log.debug("early")
log.warning("late")
"""
    environment = os.environ | {"LOG_LEVEL": level}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == written
