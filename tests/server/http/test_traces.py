"""A request is one trace, from its middleware to the store; the client learns the trace's id."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from chat_service import ChatService
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from traced import traced

from tutelage.text.json_logs import JsonFormatter, with_ids
from tutelage.tracing import trace_headers

CLIENT = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{CLIENT}-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with traced() as found:
        yield found


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_turn_is_one_trace(service: ChatService, spans: InMemorySpanExporter) -> None:
    response = service.chat("one two three", n=2)
    found = by_name(spans)
    request = found["POST /v1/chat/completions"]
    assert found.keys() >= {"resolve", "moderation", "start", "generate", "store"}
    assert request.parent is None
    ids = {format(span.context.trace_id, "032x") for span in spans.get_finished_spans()}
    assert ids == {response.headers["x-trace-id"]}
    assert facts(request)["http.response.status_code"] == 200
    assert facts(request)["tutelage.request_id"] == response.headers["x-request-id"]
    written = facts(found["generate"])
    assert written["gen_ai.request.model"] == "policy-0000"
    assert written["gen_ai.usage.output_tokens"] == 4
    assert written["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_stream_is_one_trace_too(service: ChatService, spans: InMemorySpanExporter) -> None:
    response = service.chat("one two", stream=True)
    found = by_name(spans)
    ids = {format(span.context.trace_id, "032x") for span in found.values()}
    assert ids == {response.headers["x-trace-id"]} and "generate" in found


def test_the_clients_trace_goes_on(service: ChatService, spans: InMemorySpanExporter) -> None:
    response = service.client.get("/v1/models", headers={"traceparent": PARENT})
    assert response.headers["x-trace-id"] == CLIENT
    assert format(spans.get_finished_spans()[0].context.trace_id, "032x") == CLIENT


def test_spans_hold_no_text(service: ChatService, spans: InMemorySpanExporter) -> None:
    service.chat("xyzzy, a secret")
    service.post("/v1/chat/completions", {"model": "tutelage", "messages": [], "xyzzy": 1})
    told = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert "generate" in told and "xyzzy" not in told


def test_health_checks_and_pages_are_not_traced(
    service: ChatService, spans: InMemorySpanExporter
) -> None:
    for path in ("/healthz", "/metrics", "/"):
        assert "x-trace-id" not in service.client.get(path).headers
    assert not spans.get_finished_spans()


def test_logs_name_the_trace(spans: InMemorySpanExporter) -> None:
    from tutelage.tracing import span

    record = logging.LogRecord("a", logging.WARNING, "", 0, "text", (), None)
    with span("work"):
        with_ids(record)
        told = trace_headers()["traceparent"]
    line = json.loads(JsonFormatter("%(message)s").format(record))
    assert line["trace_id"] in told and len(line["trace_id"]) == 32


def test_nothing_is_traced_unless_an_endpoint_is_set(service: ChatService) -> None:
    assert "x-trace-id" not in service.chat("Hello").headers
    assert trace_headers() == {}
