from dataclasses import replace
from pathlib import Path

import pytest
from ppo_runs import (
    DATA,
    EVAL_PROMPTS,
    PROMPTS,
    history,
    logged_by,
    new_run,
    run,
    with_method,
    with_ppo,
)

from training.config import IterationConfig
from training.ppo.collect import Rollouts
from training.ppo.ladder import Rung, choose, measure, paired_error
from training.ppo.optimiser import JudgedData
from tutelage import jsonl
from tutelage.iteration_folder import RUNGS


def rung(update: int, kl: float, score: float, scale: float = 1.0) -> Rung:
    return Rung(update, scale, {"objective/kl": kl, "heldout/score": score}, [score])


def test_the_best_rung_within_the_budget_is_chosen() -> None:
    rungs = [rung(0, 0.0, 0.0), rung(1, 1.0, 0.4), rung(2, 2.9, 0.3), rung(3, 3.1, 0.9)]
    assert choose(rungs, 3.0, "best").update == 1
    half = rung(3, 1.5, 0.6, scale=0.5)
    assert choose([*rungs, half], 3.0, "best") is half
    assert choose([*rungs, half], 3.0, "last").update == 2


def test_errors_are_paired() -> None:
    assert paired_error([1.0, 5.0, 9.0], [0.0, 4.0, 8.0]) == 0.0
    assert paired_error([1.0, 3.0], [0.0, 0.0]) == pytest.approx(1 / 2**0.5)


def test_a_control_keeps_its_last_policy_whatever_its_score(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    still = with_method(with_ppo(smoke, updates=3, learning_rate=0.0), "ppo", selection="last")
    result = run(tiny_policy, rewards, still, tmp_path)
    assert (result["updates"], result["kept_update"], result["kept_scale"]) == (3, 3, 1.0)


def test_it_stops_when_the_kl_budget_is_spent_and_keeps_what_was_within(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    hot = with_ppo(smoke, updates=9, learning_rate=0.05, kl_budget=0.5)
    result = run(tiny_policy, rewards, hot, tmp_path)
    assert "KL budget" in result["stop_reason"]
    assert result["objective/kl"] <= 0.5
    assert history(tmp_path)[-1]["objective/kl"] > 0.5


def test_scaled_down_a_policy_that_went_too_far_is_between_it_and_the_first(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_method(
        with_ppo(smoke, updates=2, learning_rate=0.05, kl_budget=1e9), "ppo", scales=(0.5, 1e-9)
    )
    run(tiny_policy, rewards, config, tmp_path)
    rows = jsonl.read(tmp_path / RUNGS)
    places = [(row["update"], row["scale"]) for row in rows]
    assert places == [(0, 1.0), (1, 1.0), (2, 1.0), (2, 0.5), (2, 1e-9)]
    first, _, last, half, nothing = rows
    assert 0 < half["objective/kl"] < last["objective/kl"]
    assert nothing["heldout/score"] == pytest.approx(first["heldout/score"], abs=1e-5)
    assert nothing["heldout/standard_error"] == pytest.approx(0.0, abs=1e-5)


def test_without_eval_prompts_training_prompts_are_what_is_measured(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    data = JudgedData(PROMPTS, [])
    result = run(tiny_policy, rewards, smoke, tmp_path, data=data)
    assert result["heldout/score"] == result["heldout/score"]  # a number


def test_replayed_responses_are_not_measured(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, reuse=0.5), tmp_path)
    logged = logged_by(tiny_policy, smoke)
    ppo.set_replay_data([row | {"token_ids": [40] * 5, "logprobs": [-1.0] * 5} for row in logged])
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    rollouts = ppo.collector.sample_rollouts(0)
    assert len(rollouts.replayed) == smoke.ppo.batch // 2
    alone = Rollouts([], rollouts.on_policy, rollouts.eval)
    mixed = Rollouts([], rollouts.replayed + rollouts.on_policy, rollouts.eval)
    metrics, expected, with_them = (
        measure(ppo.maker.make_experience(each), 0, 0.05).metrics
        for each in (rollouts, alone, mixed)
    )
    assert metrics == pytest.approx(expected, abs=1e-4)
    changed = {name for name in expected if abs(with_them[name] - expected[name]) > 1e-2}
    assert changed >= {"objective/scores", "response/length", "response/surprise"}


def test_the_metrics_of_a_run_with_replay_are_of_its_new_responses(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, reuse=0.5)
    short = [row | {"token_ids": [40], "logprobs": [-1.0]} for row in logged_by(tiny_policy, smoke)]
    data = replace(DATA, replay_data=short)
    run(tiny_policy, rewards, config, tmp_path / "run", data=data)
    ppo = new_run(tiny_policy, rewards, config, tmp_path / "same")
    ppo.set_replay_data(short)
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    new = ppo.collector.sample_rollouts(0).on_policy
    assert len(new) == smoke.ppo.batch // 2
    length = sum(len(e.response) for e in new) / len(new)
    assert history(tmp_path / "run")[0]["response/length"] == pytest.approx(length)
    assert length > 8
