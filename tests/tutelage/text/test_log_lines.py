"""Text of people cannot forge a log message."""

import logging
import sys
from collections.abc import Iterator

import pytest

from tutelage.text.log_lines import escape_messages


@pytest.fixture
def escaped() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    escape_messages()
    yield
    logging.setLogRecordFactory(before)


def test_a_line_break_in_a_message_is_an_escape(
    escaped: None, caplog: pytest.LogCaptureFixture
) -> None:
    path = "/v1/x\nERROR: the database is gone\x1b[2K\u2028\u202e"
    logging.getLogger("tutelage").error("GET %s failed: %s", path, "Größe 漢 🤖")
    (record,) = caplog.records
    assert record.getMessage() == (
        r"GET /v1/x\nERROR: the database is gone\x1b[2K\u2028\u202e failed: Größe 漢 🤖"
    )


def test_the_text_of_an_exception_cannot_forge_a_message(escaped: None) -> None:
    try:
        raise ExceptionGroup("several", [ValueError("x\nERROR: the database is gone\r\x1b[2K")])
    except ExceptionGroup:
        found = sys.exc_info()
    record = logging.getLogger("tutelage").makeRecord(
        "tutelage", logging.ERROR, __file__, 1, "failed", (), found
    )
    first, *others = logging.Formatter("%(levelname)s: %(message)s").format(record).split("\n")
    assert first == "ERROR: failed"
    assert all(line.startswith("  | ") for line in others)
    assert r"the database is gone\r\x1b[2K" in "".join(others)
