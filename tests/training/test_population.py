"""Rollouts, gate and manifest agree with how the judged responses were sampled."""

from dataclasses import replace
from typing import Any

import pytest

from training.config import IterationConfig
from training.population import JudgedPopulation, as_judged, population_facts
from tutelage.settings import Settings

CHAT = {"temperature": 0.5, "top_p": 0.95, "max_tokens": 100}


def ranking(*finished: bool, sampling: dict[str, Any] | None = CHAT) -> dict[str, Any]:
    return {"finished": list(finished), "sampling": [sampling for _ in finished]}


def test_the_commonest_sampling_is_that_of_the_population() -> None:
    rare = CHAT | {"temperature": 1.0}
    found = JudgedPopulation.of(
        [ranking(True, False), ranking(True, sampling=rare), ranking(True, sampling=None)]
    )
    assert found == JudgedPopulation(3, 0.5, 0.95, 100, pytest.approx(1 / 3))


def test_where_nothing_is_stored_the_settings_hold() -> None:
    config = IterationConfig()
    assert JudgedPopulation.of([ranking(True, sampling=None)]) is None
    assert as_judged(config, None) is config


def test_rollouts_and_gate_sample_as_judged_and_the_manifest_says_so() -> None:
    judged = JudgedPopulation.of([ranking(True, True)])
    config = as_judged(IterationConfig(), judged)
    facts = population_facts(config, judged, Settings(temperature=0.5, max_response_tokens=100))
    assert judged is not None and judged.cut == 0
    for name in ("temperature", "max_tokens"):
        said = {facts[who][name] for who in ("judged", "rollouts_and_gate", "served")}
        assert said == {CHAT[name]}
    assert facts["rollouts_and_gate"]["missing_eos_penalty"] == 1.0


def test_nothing_is_penalised_for_not_ending_where_judged_responses_were_cut() -> None:
    cut = as_judged(IterationConfig(), JudgedPopulation.of([ranking(True, False)]))
    assert cut.ppo.missing_eos_penalty == 0


def test_rollouts_vary_and_have_a_limit_of_their_own() -> None:
    greedy = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 4096}
    ppo = as_judged(IterationConfig(), JudgedPopulation.of([ranking(True, sampling=greedy)])).ppo
    assert (ppo.temperature, ppo.max_new_tokens) == (0.3, ppo.longest)


def test_it_can_be_switched_off() -> None:
    config = IterationConfig()
    off = replace(config, ppo=replace(config.ppo, as_judged=False))
    assert as_judged(off, JudgedPopulation.of([ranking(True)])) is off
