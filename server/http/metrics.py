"""Prometheus metrics of /metrics."""

import time
from collections import Counter as Counts
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from moderation.rules import Verdict
from server.generators.generator import Generator
from tutelage import tracing

_LATENCIES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 30.0)
_TOKEN_TIMES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0)
_DURATIONS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


class Metrics:
    """Counts of one application; every application has its own registry."""

    def __init__(self) -> None:
        self.began = time.time()
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "tutelage_requests", "HTTP requests.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tutelage_request_seconds", "Time to the end of the response.", ["route"],
            buckets=_DURATIONS, registry=registry,
        )  # fmt: skip
        self._tokens = Counter(
            "tutelage_tokens", "Tokens, by side (prompt, response).", ["side"], registry=registry
        )
        self._first_text = Histogram(
            "tutelage_first_token_seconds", "Time to first text.",
            buckets=_LATENCIES, registry=registry,
        )  # fmt: skip
        self._inter_token = Histogram(
            "tutelage_inter_token_seconds", "Mean time between the tokens of a response.",
            buckets=_TOKEN_TIMES, registry=registry,
        )  # fmt: skip
        self._stages = Histogram(
            "tutelage_stage_seconds", "Time of the stages of a turn.", ["stage"],
            buckets=_LATENCIES, registry=registry,
        )  # fmt: skip
        self._connections = Gauge(
            "tutelage_database_connections", "Database connections in use.", registry=registry
        )
        self._sequences = Gauge(
            "tutelage_sequences", "Responses in the engine, by state (waiting, running).",
            ["state"], registry=registry,
        )  # fmt: skip
        self._cache = Gauge(
            "tutelage_kv_cache_tokens", "KV-cache tokens of the engine (used, capacity).",
            ["state"], registry=registry,
        )  # fmt: skip
        self._followed = Gauge(
            "tutelage_follower_success_timestamp_seconds",
            "When this process last read from the database what other processes change.",
            ["follower"], registry=registry,
        )  # fmt: skip
        self._finished = Counter(
            "tutelage_responses", "Responses, by finish reason.", ["reason"], registry=registry
        )
        self._moderation = Counter(
            "tutelage_moderation_actions", "Moderation actions.", ["side", "action"],
            registry=registry,
        )  # fmt: skip
        self._unchecked = Counter(
            "tutelage_moderation_failures", "Texts that could not be checked.", ["side"],
            registry=registry,
        )  # fmt: skip
        self._feedback = Counter(
            "tutelage_feedback", "Feedback received.", ["kind"], registry=registry
        )
        self._running = Gauge("tutelage_turns_running", "Turns in progress.", registry=registry)
        self._loads = Counter(
            "tutelage_policy_loads", "Policies loaded, by outcome.", ["outcome"], registry=registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A finished request; status 0: the connection was closed before the response began."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def turn_began(self) -> None:
        """A turn has begun."""
        self._running.inc()

    def turn_ended(self, prompt_tokens: int, response_tokens: int) -> None:
        """A turn is over, also when it was interrupted."""
        self._running.dec()
        self._tokens.labels("prompt").inc(prompt_tokens)
        self._tokens.labels("response").inc(response_tokens)

    def first_text(self, seconds: float) -> None:
        """The time to the first text of a turn."""
        self._first_text.observe(seconds)

    def response(self, finish_reason: str, inter_token_seconds: float | None) -> None:
        """A response ended."""
        self._finished.labels(finish_reason).inc()
        if inter_token_seconds is not None:
            self._inter_token.observe(inter_token_seconds)

    def stage(self, name: str, seconds: float) -> None:
        """A stage of a turn took so long."""
        self._stages.labels(name).observe(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """What runs inside is a stage of a turn, and a span; one that fails is not counted."""
        began = time.perf_counter()
        with tracing.span(stage):
            yield
        self.stage(stage, time.perf_counter() - began)

    def watch_connections(self, in_use: Callable[[], int]) -> None:
        """Ask for the database connections in use whenever the metrics are read."""
        self._connections.set_function(in_use)

    def watch_engine(self, generator: Generator) -> None:
        """Ask an engine in this process how busy it is whenever the metrics are read."""
        if generator.occupancy is None:
            return
        for gauge, state, field in (
            (self._sequences, "waiting", "waiting"),
            (self._sequences, "running", "running"),
            (self._cache, "used", "cache_used"),
            (self._cache, "capacity", "cache_capacity"),
        ):
            gauge.labels(state).set_function(partial(_occupied, generator, field))

    def followed(self, follower: str) -> None:
        """A follower has read the database."""
        self._followed.labels(follower).set_to_current_time()

    def moderated(self, side: str, verdict: Verdict) -> None:
        """A text was moderated, or the classifier failed."""
        self._moderation.labels(side, verdict.action).inc()
        if verdict.failed:
            self._unchecked.labels(side).inc()

    def judged(self, kind: str) -> None:
        """Feedback was stored."""
        self._feedback.labels(kind).inc()

    def loaded(self, outcome: str) -> None:
        """A policy was loaded (``ok``) or could not be (``failed``)."""
        self._loads.labels(outcome).inc()

    def statuses(self) -> dict[str, int]:
        """The number of requests by response status."""
        counts: Counts[str] = Counts()
        for metric in self._requests.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    counts[sample.labels["status"]] += int(sample.value)
        return dict(sorted(counts.items()))

    def running(self) -> int:
        """Turns in progress."""
        return int(next(iter(self._running.collect())).samples[0].value)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self._registry)


def _occupied(generator: Generator, field: str) -> int:
    value: int = getattr(generator.occupancy, field)
    return value
