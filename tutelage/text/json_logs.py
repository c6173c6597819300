"""Logs as JSON, a line per message, with the ids of the request and the trace of each."""

import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

from tutelage import tracing

request_id: ContextVar[str] = ContextVar("request_id", default="")
ACCESS = "tutelage.access"  # a message per request, in JSON logs alone
_FIELDS = {"levelname": "level", "name": "logger"}


def log_as(log_format: str) -> None:
    """With "json": from now on every logger writes JSON to stderr; requests are logged too."""
    if log_format != "json":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(with_ids)
    handler.setFormatter(
        JsonFormatter("%(levelname)s %(name)s %(message)s", rename_fields=_FIELDS, timestamp="time")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ACCESS).setLevel(logging.INFO)
    logging.captureWarnings(True)


def with_ids(record: logging.LogRecord) -> bool:
    """A filter that keeps every record, and adds the ids."""
    ids = {"request_id": request_id.get(), "trace_id": tracing.trace_id()}
    vars(record).update({name: each for name, each in ids.items() if each})
    return True
