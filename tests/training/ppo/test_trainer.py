from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from ppo_runs import EXAM, PROMPTS, answers, history, run, with_ppo

from training.config import IterationConfig, PPOConfig
from training.model.split_model import SplitModel
from training.ppo.trainer import PPO, train_ppo
from training.progress import silent
from training.reward.features import all_features, trunk_states
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceExample
from tutelage.errors import Invalid


def mean_score(policy: Path, scored_by: Path, reference: Path, config: IterationConfig) -> float:
    """What a reward model makes of a policy's answers, away from PPO's own bookkeeping."""
    rows = [
        PreferenceExample("", row[0].prompt, [e.words for e in row if len(e.words)], [], None, 1.0)
        for row in answers(policy, config, 9, 16)
    ]
    model = SplitModel.load(reference, config)
    features = all_features(model, model.reference, rows, [trunk_states(model, r) for r in rows])
    return float(RewardModel.load(scored_by).score(torch.cat(features)).mean())


def without_times(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]


def test_it_raises_what_the_reward_model_likes(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(
        smoke, updates=10, batch=48, epochs=4, learning_rate=1e-2, temperature=1.0,
        minibatch=16, kl_coef=0.01, missing_eos_penalty=0.0, patience=10, kl_budget=50.0,
    )  # fmt: skip
    run(tiny_policy, rewards, config, tmp_path)
    before, after = (
        mean_score(policy, rewards / "held_out", tiny_policy, smoke)
        for policy in (tiny_policy, tmp_path / "policy")
    )
    assert after > before + 0.5


def test_the_first_policy_is_the_reference(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    run(tiny_policy, rewards, smoke, tmp_path)
    first, *later = history(tmp_path)
    assert abs(first["objective/kl"]) < 1e-4
    assert all(row["objective/kl_k3"] > 1e-3 for row in later)


class Killed(Exception):
    pass


def test_a_run_that_was_killed_ends_as_one_that_was_not(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, updates=3)

    def kill(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        run(tiny_policy, rewards, config, tmp_path / "killed", kill)
    resumed = run(tiny_policy, rewards, config, tmp_path / "killed")
    whole = run(tiny_policy, rewards, config, tmp_path / "whole")
    assert without_times([resumed, *history(tmp_path / "killed")]) == without_times(
        [whole, *history(tmp_path / "whole")]
    )
    first, second = (
        (tmp_path / name / "policy" / "model.safetensors").read_bytes()
        for name in ("killed", "whole")
    )
    assert first == second


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


def test_a_run_that_diverges_stops_and_keeps_the_last_good_policy(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    result = run(tiny_policy, rewards, with_ppo(smoke, kl_coef=float("nan")), tmp_path)
    assert "not finite" in result["stop_reason"]
    assert result["kept_update"] == 0
    assert (tmp_path / "policy" / "model.safetensors").is_file()


def test_an_unfinished_response_costs_the_penalty(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, missing_eos_penalty=0.7, score_clip=0.5)
    ppo = PPO(tiny_policy, rewards / "proxy", rewards / "held_out", config, tmp_path)
    batch = ppo._score(ppo._sample([ppo.tokenizer.prompt(p) for p in PROMPTS], []))
    unfinished = torch.tensor([not e.finished for e in batch.episodes])
    expected = batch.raw_scores.clamp(-0.5, 0.5) - 0.7 * unfinished
    torch.testing.assert_close(batch.scores, expected)


def logged_by(policy: Path, config: IterationConfig) -> list[dict[str, Any]]:
    """Answers of a policy, sampled at temperature 1, as the store keeps them."""
    return [
        {"prompt": prompt, "token_ids": e.response.tolist(), "logprobs": e.logprobs.tolist()}
        for prompt, row in zip(PROMPTS, answers(policy, config, 3, 4), strict=True)
        for e in row
    ]


def test_logged_answers_of_the_same_policy_count_as_its_own(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, reuse=0.5, temperature=1.0)
    ppo = PPO(tiny_policy, rewards / "proxy", rewards / "held_out", config, tmp_path)
    ppo.recall(logged_by(tiny_policy, smoke))
    recalled = ppo._recalled()
    assert len(recalled) == config.ppo.batch // 2
    scored = ppo._score(recalled)
    torch.testing.assert_close(scored.weights, scored.mask.float(), atol=1e-3, rtol=0)
    behaviour = torch.cat(
        [e.behaviour_logprobs for e in recalled if e.behaviour_logprobs is not None]
    )
    torch.testing.assert_close(scored.logprobs[scored.mask], behaviour, atol=1e-3, rtol=1e-3)


def test_logged_answers_are_practised_on_but_not_measured(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config, logged = with_ppo(smoke, reuse=0.5), logged_by(tiny_policy, smoke)
    whole = [row for row in logged if len(row["token_ids"]) == 16]
    for row in whole:
        row["logprobs"] = [
            0.0
        ] * 16  # certain then, unlikely now: their weights are next to nothing
    ppo = PPO(tiny_policy, rewards / "proxy", rewards / "held_out", config, tmp_path)
    ppo.recall(whole)
    ppo.train(PROMPTS, EXAM, silent)
    with_logged = history(tmp_path)
    assert len(with_logged) == config.ppo.updates + 1
    assert with_logged[0]["val/ratio"] == pytest.approx(1.0, abs=0.5)


def test_values_begin_as_the_mean_and_grow_into_the_score(rewards: Path) -> None:
    likes = RewardModel.load(rewards / "proxy")
    usual = int(likes.center[-1].ceil())
    prefixes = torch.randn(usual + 1, len(likes.weight), generator=torch.Generator().manual_seed(0))
    prefixes[:, -1] = torch.arange(usual + 1)
    values = likes.value_inputs(prefixes) @ likes.weight + likes.bias
    torch.testing.assert_close(values[0], likes.bias)
    torch.testing.assert_close(values[-1], likes.score(prefixes[-1]))


def test_reference_logprobs_equal_those_of_the_whole_model(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = PPO(tiny_policy, rewards / "proxy", rewards / "held_out", smoke, tmp_path)
    batch = ppo._score(ppo._sample([ppo.tokenizer.prompt(p) for p in PROMPTS], []))
    for episode, ref, mask in zip(batch.episodes, batch.ref_logprobs, batch.mask, strict=True):
        ids = torch.cat((episode.prompt, episode.response))[None]
        logits = ppo.model.model(ids).logits[0, len(episode.prompt) - 1 : -1]
        each = (logits / smoke.ppo.temperature).log_softmax(-1)
        expected = each.gather(1, episode.response[:, None]).squeeze(1)
        torch.testing.assert_close(ref[mask], expected, atol=1e-4, rtol=0)


def test_the_kl_coefficient_adapts_towards_its_target(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    run(tiny_policy, rewards, with_ppo(smoke, kl_target=100.0), tmp_path)
    coefs = [row["kl_coef"] for row in history(tmp_path)]
    assert coefs == sorted(coefs, reverse=True)
    assert coefs[-1] < coefs[0] == smoke.ppo.kl_coef


def test_without_an_exam_practice_is_what_is_judged(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    result = train_ppo(
        tiny_policy, rewards / "proxy", rewards / "held_out", PROMPTS, [], smoke, tmp_path, silent
    )
    assert "heldout/exam_score" not in result
    assert result["heldout/score"] == result["heldout/score"]  # a number


def test_every_prompt_is_practised_once_before_any_twice(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, batch=3)
    ppo = PPO(tiny_policy, rewards / "proxy", rewards / "held_out", config, tmp_path)
    ids = [[i] for i in range(6)]
    twice = ppo._prompts_of(0, ids) + ppo._prompts_of(1, ids)
    assert sorted(twice) == ids


def test_no_prompt_short_enough_is_refused(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="no prompt"):
        run(tiny_policy, rewards, with_ppo(smoke, max_prompt_tokens=3), tmp_path)


def test_settings_default_to_the_papers() -> None:
    assert (PPOConfig().gamma, PPOConfig().lam, PPOConfig().clip_range) == (1.0, 0.95, 0.2)
