"""Traces: off without an endpoint; an error is told by its class; spans reach the endpoint."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.trace import StatusCode
from traced import traced

from tutelage import extras, tracing
from tutelage.errors import Unavailable


@pytest.fixture(autouse=True)
def nothing_traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    yield
    tracing.trace_with(None)


def test_off_without_an_endpoint() -> None:
    tracing.trace_as("tutelage")
    with tracing.span("work"):
        tracing.describe({"a": 1})
        assert tracing.trace_id() == ""


def test_an_error_is_its_class() -> None:
    with traced() as spans, pytest.raises(ValueError, match="a secret"), tracing.span("work"):
        raise ValueError("a secret")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "ValueError" in span.to_json() and "a secret" not in span.to_json()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(extras, "find_spec", absent)
    with pytest.raises(Unavailable, match=r"tutelage\[otel\]"):
        tracing.trace_as("tutelage")


def test_spans_reach_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            received.append((self.path, self.rfile.read(size)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    provider = tracing.trace_as("tutelage")
    assert provider is not None
    with tracing.span("work"):
        pass
    provider.shutdown()
    server.shutdown()
    ((path, body),) = received
    assert path == "/v1/traces" and b"work" in body and b"tutelage" in body
