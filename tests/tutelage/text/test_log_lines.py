"""Text of people cannot forge a log message."""

import logging
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
