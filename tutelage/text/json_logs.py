"""Logs as JSON, a line per message, with the id of the request that it belongs to."""

import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str] = ContextVar("request_id", default="")
ACCESS = "tutelage.access"  # a message per request, in JSON logs alone
_FIELDS = {"levelname": "level", "name": "logger"}


def log_as(log_format: str) -> None:
    """With "json": from now on every logger writes JSON to stderr; requests are logged too."""
    if log_format != "json":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_with_request_id)
    handler.setFormatter(
        JsonFormatter("%(levelname)s %(name)s %(message)s", rename_fields=_FIELDS, timestamp="time")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ACCESS).setLevel(logging.INFO)
    logging.captureWarnings(True)


def _with_request_id(record: logging.LogRecord) -> bool:
    if request_id.get():
        record.request_id = request_id.get()
    return True
