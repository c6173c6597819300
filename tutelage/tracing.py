"""Traces of requests and iterations with OpenTelemetry, where an endpoint is configured.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set; nothing is then
imported, and a span is an empty context. Spans hold ids, counts and durations, never texts; of an
error they hold the class.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from tutelage import extras

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

Facts = Mapping[str, str | int | float | Sequence[str]]  # the attributes of a span

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_tracer: "Tracer | None" = None


def trace_as(service: str) -> "TracerProvider | None":
    """From now on send spans to the configured endpoint, as OTEL_SERVICE_NAME, else ``service``.

    What is not sent yet is sent when the process ends. None: no endpoint is configured. Raises
    Unavailable where the extra ``otel`` is not installed.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    extras.require("otel")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace_with(provider)
    return provider


def trace_with(provider: "TracerProvider | None") -> None:
    """Make spans with this provider; with None make none."""
    global _tracer
    _tracer = provider.get_tracer("tutelage") if provider else None


def span(name: str, facts: Facts | None = None) -> AbstractContextManager[None]:
    """What runs inside is a part of the current span."""
    return _span(_tracer, name, facts) if _tracer else nullcontext()


def request_span(
    method: str, headers: Mapping[str, str], facts: Facts
) -> AbstractContextManager[None]:
    """What runs inside answers an HTTP request; it goes on with the client's ``traceparent``."""
    if _tracer is None:
        return nullcontext()
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return _span(_tracer, method, facts, TraceContextTextMapPropagator().extract(headers))


def describe(facts: Facts, name: str = "") -> None:
    """Add facts to the current span, and give it another name."""
    if _tracer is None:
        return
    from opentelemetry.trace import get_current_span

    current = get_current_span()
    current.set_attributes(facts)
    if name:
        current.update_name(name)


def trace_id() -> str:
    """The id of the current trace, in hexadecimal; empty where there is none."""
    if _tracer is None:
        return ""
    from opentelemetry.trace import format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else ""


def trace_headers() -> dict[str, str]:
    """What tells another service to go on with the current trace."""
    found: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(found)
    return found


@contextmanager
def _span(
    tracer: "Tracer", name: str, facts: Facts | None, client: "Context | None" = None
) -> Iterator[None]:
    """``client``: the context of a request that another service has sent."""
    from opentelemetry.trace import SpanKind, Status, StatusCode

    kind = SpanKind.INTERNAL if client is None else SpanKind.SERVER
    with tracer.start_as_current_span(
        name, client, kind, facts, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
