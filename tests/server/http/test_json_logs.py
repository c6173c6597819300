"""Logs as JSON: a line per message, with the request's id."""

import json
import logging
from collections.abc import Iterator

import pytest
from chat_service import ChatService

from tutelage.text.json_logs import ACCESS, log_as, request_id


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger(ACCESS)
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    access.setLevel(logging.NOTSET)
    logging.captureWarnings(False)


def test_a_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_as("json")
    request_id.set("req_1")
    logging.getLogger("a.b").warning("two\nlines of %s", "text")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found["message"] in ("two\nlines of text", "two\\nlines of text")
    assert (found["level"], found["logger"], found["request_id"]) == ("WARNING", "a.b", "req_1")
    assert found["time"]


def test_an_exception_is_on_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_as("json")
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("a").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError" in json.loads(line)["exc_info"]


def test_a_request_is_logged_with_the_id_of_its_response(
    shared: ChatService, capsys: pytest.CaptureFixture[str]
) -> None:
    log_as("json")
    response = shared.client.get("/healthz")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["logger"] == ACCESS]
    assert line["request_id"] == response.headers["x-request-id"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/healthz", 200)
    assert "secret" not in line
