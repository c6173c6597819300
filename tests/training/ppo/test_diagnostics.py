"""Every health check fails on the metrics of a run that it is for, and on no healthy run."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ppo_runs import history, run, with_ppo

from training.config import HealthCheckConfig, IterationConfig
from training.ppo.diagnostics import diagnose

HEALTHY = {
    "update": 0.0,
    "objective/kl": 0.0,
    "objective/scores": 0.0,
    "heldout/score": 0.0,
    "heldout/standard_error": 0.1,
    "response/surprise": 2.0,
    "response/length": 40.0,
    "response/repetition": 0.02,
    "response/eos_share": 0.6,
}
UNHEALTHY: dict[str, tuple[dict[str, float], str]] = {
    "not finite": ({"objective/scores": math.nan}, "is not finite"),
    "negative KL": ({"objective/kl": -1.0}, "a true KL is never negative"),
    "exploding KL": ({"objective/kl": 9.0}, "rose by 9.0 nats in one update"),
    "entropy collapse": ({"response/surprise": 0.3}, "collapsed from 2.00 to 0.30 nats/token"),
    "too short": ({"response/length": 5.0}, "from 40 to 5 tokens"),
    "too long": ({"response/length": 120.0}, "from 40 to 120 tokens"),
    "repetition": ({"response/repetition": 0.4}, "repeat earlier ones"),
    "missing EOS": ({"response/eos_share": 0.2}, "Only 20% of the responses end"),
    "hacking": (
        {"objective/scores": 1.0, "heldout/score": -0.5},
        "rose by 1.00 while the held-out reward fell by 0.50",
    ),
}


@pytest.mark.parametrize("symptom", UNHEALTHY)
def test_a_symptom_is_named(symptom: str) -> None:
    change, words = UNHEALTHY[symptom]
    found = diagnose([HEALTHY, HEALTHY | change | {"update": 1.0}], HealthCheckConfig())
    assert found is not None and words in found


def test_a_value_model_worse_than_the_mean_is_named_on_its_second_update() -> None:
    bad = HEALTHY | {"value/explained_variance": -2.0}
    assert diagnose([HEALTHY, bad], HealthCheckConfig()) is None
    assert "rewards likely changed" in str(diagnose([HEALTHY, bad, bad], HealthCheckConfig()))


def test_a_healthy_run_is_left_alone() -> None:
    better = HEALTHY | {
        "update": 1.0, "objective/kl": 2.0, "objective/scores": 1.0, "heldout/score": 0.6,
        "response/length": 20.0, "response/eos_share": 0.9, "value/explained_variance": 0.3,
    }  # fmt: skip
    assert diagnose([HEALTHY], HealthCheckConfig()) is None
    assert diagnose([HEALTHY, better], HealthCheckConfig()) is None


ALARMS: dict[str, tuple[dict[str, float], dict[str, Any], str]] = {
    "a learning rate far too high": (
        {"kl_jump": 2.0}, {"learning_rate": 1.0, "temperature": 1.0}, "in one update",
    ),
    "a policy that must be longer than it is": ({"shortest": 1.5}, {}, "tokens: the reward model"),
}  # fmt: skip


@pytest.mark.parametrize("cause", ALARMS)
def test_a_run_that_fails_a_check_stops_and_keeps_the_policy_from_before(
    cause: str, tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    thresholds, settings, words = ALARMS[cause]
    config = with_ppo(smoke, updates=6, kl_budget=1e6, **settings)
    config = replace(config, doctor=replace(config.doctor, **thresholds))
    result = run(tiny_policy, rewards, config, tmp_path)
    rows = history(tmp_path)
    assert words in result["stop_reason"]
    assert len(rows) < 7
    assert result["kept_update"] < max(1, len(rows) - 1)
