"""One log line a request, as JSON, with the id that the client gets too, and without the query string."""

import json
import logging

import pytest
import structlog

from settings import logs


@pytest.fixture
def lines():
    """What production would write while the test runs."""
    formatter = logs.logging_settings(structlog.processors.JSONRenderer())["formatters"]["line"]
    written = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(self.format(record)))

    handler = Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=formatter["foreign_pre_chain"], processors=formatter["processors"]
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def test_a_request_is_logged_once_with_the_id_sent_back_and_no_secret(client, lines):
    answer = client.get("/nowhere?signature=secret", headers={"x-request-id": "chosen by the client"})
    line = next(line for line in lines if line["event"] == "request_finished")
    assert line["request_id"] == answer["X-Request-ID"] != "chosen by the client"
    assert line["request"] == "GET /nowhere"
    assert "secret" not in json.dumps(lines)
    assert line["level"] == "warning" and line["code"] == 404 and line["timestamp"].endswith("Z")


def test_the_standard_library_logs_the_same_way(lines):
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        try:
            raise ValueError("不行")
        except ValueError:
            logging.getLogger("django.db").exception("failed for %s", "order")
    assert lines[0]["event"] == "failed for order"
    assert lines[0]["request_id"] == "r-1"
    assert "ValueError: 不行" in lines[0]["exception"]
