from pathlib import Path

import pytest
import torch
from ppo_runs import EVAL_PROMPTS, PROMPTS, history, logged_by, new_run, run, with_ppo

from training.config import IterationConfig
from training.model.checkpoint import load_state
from training.ppo.collect import Rollouts
from training.ppo.selection import GRID, measure
from training.ppo.trainer import train_ppo
from training.progress import silent


def test_the_policy_kept_is_the_last_that_was_clearly_better(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, updates=5, learning_rate=0.03, patience=6, kl_budget=1e3)
    result = run(tiny_policy, rewards, config, tmp_path)
    kept, best = 0, -1e9
    for row in history(tmp_path):
        if row["heldout/score"] > best + row["heldout/standard_error"]:
            kept, best = int(row["update"]), row["heldout/score"]
    assert (result["kept_update"], result["heldout/score"]) == (kept, best)


def test_a_control_keeps_its_last_policy_whatever_its_score(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    still = with_ppo(smoke, updates=3, learning_rate=0.0, patience=1, selection="last")
    result = run(tiny_policy, rewards, still, tmp_path)
    assert (result["updates"], result["kept_update"]) == (3, 3)


def test_it_stops_when_the_peak_is_past(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    still = with_ppo(smoke, updates=9, learning_rate=0.0, patience=2, eval_prompts=4, batch=6)
    result = run(tiny_policy, rewards, still, tmp_path)
    assert "held-out" in result["stop_reason"]
    assert result["updates"] < 9


def test_it_stops_when_the_kl_budget_is_spent_and_keeps_what_was_within(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    hot = with_ppo(smoke, updates=9, learning_rate=0.05, kl_budget=0.5, patience=9)
    result = run(tiny_policy, rewards, hot, tmp_path)
    assert "KL budget" in result["stop_reason"]
    assert result["objective/kl"] <= 0.5
    assert history(tmp_path)[-1]["objective/kl"] > 0.5


def test_without_eval_prompts_the_training_responses_are_what_is_measured(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    result = train_ppo(
        tiny_policy, rewards / "proxy", rewards / "held_out", PROMPTS, [], smoke, tmp_path, silent
    )
    assert "heldout/exam_score" not in result
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
        measure(ppo.maker.make_experience(each), ppo.state) for each in (rollouts, alone, mixed)
    )
    assert metrics == pytest.approx(expected, abs=1e-4)
    changed = {name for name in expected if abs(with_them[name] - expected[name]) > 1e-2}
    assert changed >= {"objective/scores", "heldout/score", "response/length", "response/surprise"}


def test_the_metrics_of_a_run_with_replay_are_of_its_new_responses(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, reuse=0.5)
    short = [row | {"token_ids": [40], "logprobs": [-1.0]} for row in logged_by(tiny_policy, smoke)]
    train_ppo(
        tiny_policy, rewards / "proxy", rewards / "held_out", PROMPTS, EVAL_PROMPTS, config,
        tmp_path / "run", silent, replay_data=short,
    )  # fmt: skip
    ppo = new_run(tiny_policy, rewards, config, tmp_path / "same")
    ppo.set_replay_data(short)
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    new = ppo.collector.sample_rollouts(0).on_policy
    assert len(new) == smoke.ppo.batch // 2
    length = sum(len(e.response) for e in new) / len(new)
    assert history(tmp_path / "run")[0]["response/length"] == pytest.approx(length)
    assert length > 8


def test_an_adapter_is_kept_for_each_step_of_the_grid_that_was_reached(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, updates=3, learning_rate=0.02, kl_grid=0.2, kl_budget=1e3, patience=9)
    run(tiny_policy, rewards, config, tmp_path)
    kept = {path.stem: load_state(path) for path in (tmp_path / GRID).glob("*.safetensors")}
    reached = {}
    for row in history(tmp_path):
        place = int(max(0.0, row["objective/kl"]) ** 0.5 / 0.2)
        reached.setdefault(f"{place * 0.2:.2f}", row["update"])
    assert {name: facts["update"] for name, (_, facts) in kept.items()} == reached
    assert len(reached) > 1
    first, *others = (tensors for _, (tensors, _) in sorted(kept.items()))
    assert any(not torch.equal(first[name], others[0][name]) for name in first)
