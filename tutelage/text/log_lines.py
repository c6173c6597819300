"""Log messages on one line each: text of people in them cannot pretend to be another message.

Tracebacks keep their lines, since the text of an exception may have several. Each line begins with
a bar, which no message begins with.
"""

import logging
import re

# Controls, line and paragraph separators, and marks that change the direction of writing.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def escape_messages() -> None:
    """From now on write control characters in the messages of all loggers as escapes."""
    logging.setLogRecordFactory(_EscapedRecord)


class _EscapedRecord(logging.LogRecord):
    def getMessage(self) -> str:
        return _UNSAFE.sub(_escape, super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The formatted traceback, which a formatter writes below the message."""
        return self._traceback

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._traceback = text and "\n".join(
            f"  | {_UNSAFE.sub(_escape, line)}" for line in text.split("\n")
        )


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
