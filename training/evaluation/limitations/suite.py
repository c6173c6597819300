"""The suite: all benchmarks on one policy, and two policies' results compared item by item."""

from collections.abc import Callable, Mapping
from typing import Any

from training.evaluation.limitations import (
    bias,
    clarification,
    consistency,
    harm,
    truthfulness,
    verbosity,
)
from training.evaluation.limitations.policy import PolicyUnderTest
from training.evaluation.limitations.result import RESAMPLES, SEED, BenchmarkResult, digest
from training.evaluation.metrics import LEVEL
from tutelage.statistics import Interval, bootstrap

_BENCHMARKS = (truthfulness, consistency, verbosity, clarification, harm, bias)
NAMES = tuple(benchmark.NAME for benchmark in _BENCHMARKS)
Advance = Callable[[int, int], None]


def run_suite(
    policy: PolicyUnderTest, count: int, advance: Advance = lambda done, total: None
) -> dict[str, BenchmarkResult]:
    """Every benchmark's result; ``count`` items of each kind, 0 for all."""
    results = {}
    for done, benchmark in enumerate(_BENCHMARKS):
        advance(done, len(_BENCHMARKS))
        results[benchmark.NAME] = benchmark.measure(policy, count)
    return results


def as_json(results: Mapping[str, BenchmarkResult]) -> dict[str, Any]:
    """Plain JSON with the digest of the items."""
    return {"items_sha256": digest(), "dials": {n: r.as_json() for n, r in results.items()}}


def changes(
    before: Mapping[str, BenchmarkResult], after: Mapping[str, BenchmarkResult]
) -> dict[str, Interval]:
    """The change of each benchmark, paired by item."""
    return {
        name: bootstrap(
            [after[name].scores[item] - score for item, score in before[name].scores.items()],
            RESAMPLES,
            SEED,
            LEVEL,
        )
        for name in before
    }
