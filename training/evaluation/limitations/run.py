"""The suite, or a public set, on a published policy; results go to ``DATA/limitations``."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.compute import compute
from training.config import IterationConfig
from training.evaluation.limitations.policy import EvaluatedPolicy
from training.evaluation.limitations.public_sets import read_set
from training.evaluation.limitations.suite import Advance, as_json, run_suite
from tutelage import atomic
from tutelage.composition import Core
from tutelage.policies.library import sha256_of


def measure_policy(core: Core, policy_id: str, count: int, advance: Advance) -> dict[str, Any]:
    """Run every benchmark, ``count`` items of each kind (0: all), and store the results."""
    with _policy_under_test(core, policy_id) as policy:
        results = as_json(run_suite(policy, count, advance))
    return _kept(core, policy_id, policy_id, results)


def measure_public(
    core: Core, policy_id: str, paths: Sequence[Path], count: int, advance: Advance
) -> dict[str, Any]:
    """Run public sets on a policy, ``count`` items of each kind (0: all), and store the results.

    Raises Invalid, before anything is measured, where a file holds no known set.
    """
    sets = [(path, *read_set(path)) for path in paths]
    together: dict[str, Any] = {}
    with _policy_under_test(core, policy_id) as policy:
        for done, (path, known, rows) in enumerate(sets):
            advance(done, len(sets))
            result = known.measure(policy, rows, count)
            benchmark = {result.benchmark: result.as_json()}
            found = {"items_sha256": sha256_of(path), "dials": benchmark}
            _kept(core, policy_id, f"{policy_id}-{result.benchmark}", found)
            together |= benchmark
    return {"dials": together}


@contextmanager
def _policy_under_test(core: Core, policy_id: str) -> Iterator[EvaluatedPolicy]:
    core.library.require_weights(policy_id)
    directory, config = core.library.path(policy_id), IterationConfig()
    with compute(config):
        yield EvaluatedPolicy(directory, _fitting(directory, config))


def _kept(core: Core, policy_id: str, name: str, found: dict[str, Any]) -> dict[str, Any]:
    found = found | {"manifest_sha256": core.library.manifest_sha256(policy_id)}
    folder = core.settings.data / "limitations"
    folder.mkdir(exist_ok=True)
    atomic.write_text(folder / f"{name}.json", json.dumps(found, indent=2) + "\n")
    return found


def _fitting(directory: Path, config: IterationConfig) -> IterationConfig:
    """The settings with a split that the policy has layers for; it changes no result."""
    layers = json.loads((directory / "config.json").read_text("utf-8"))["num_hidden_layers"]
    return replace(config, top_layers=min(config.top_layers, layers - 1))
