"""The evaluation compares two policies fairly, and measures what a reward model overlooks."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from moderation.classifier import KeywordClassifier
from training.config import EvaluationConfig, IterationConfig, PPOConfig, RewardModelConfig
from training.evaluation.evaluate import (
    EvaluationResult,
    Policies,
    choose_prompts,
    evaluate,
    flagged_by,
)
from training.evaluation.limitations.policy import EvaluatedPolicy
from training.evaluation.limitations.suite import NAMES
from training.evaluation.metrics import Comparison, EvaluatedResponse, compare, describe, distinct
from training.model.tiny import write_tiny_policy
from training.progress import silent
from training.reward.train import train_reward_model
from tutelage.iteration_folder import EXAMPLES, RESULT
from tutelage.statistics import Interval

CONFIG = IterationConfig(
    preset="smoke", threads=1, top_layers=2,
    reward_model=RewardModelConfig(kind="head", folds=2, penalties=(1.0,)),
    ppo=PPOConfig(max_new_tokens=12),
    evaluation=EvaluationConfig(prompts=4, samples=2, resamples=200, battery=0),
)  # fmt: skip


def response(
    text: str, score: float = 0.0, finished: bool = True, kl: float = 0.0
) -> EvaluatedResponse:
    return EvaluatedResponse(text, score, finished, False, kl)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Policies:
    """Two random policies and a reward model on the first one's features."""
    root = tmp_path_factory.mktemp("evaluate")
    for seed, name in enumerate(("one", "two")):
        write_tiny_policy(root / name, seed)
    rankings = [
        {"conversation_id": f"c{i}", "prompt": user(f"Question {i}"),
         "responses": ["yes", "yes and no and so on"], "ranks": [0, 1]}
        for i in range(4)
    ]  # fmt: skip
    train_reward_model(root / "one", rankings, [], CONFIG, root / "reward", silent)
    return Policies(root / "one", root / "two", root / "one", root / "reward")


def run(policies: Policies, out: Path) -> Comparison:
    prompts = [user(f"Say {i}") for i in range(4)]
    return evaluate(policies, prompts, flagged_by(None), CONFIG, out, silent).comparison


def test_the_measures_are_those_of_the_answers() -> None:
    found = describe([response("a b c d", 1.0), response("", -1.0, finished=False)])
    assert (found.score, found.words, found.empty, found.finished) == (0.0, 2.0, 0.5, 0.5)


def test_repetition_counts_repeated_four_grams() -> None:
    assert describe([response("a b c d a b c d")]).repetition == pytest.approx(0.2)
    assert describe([response("a b c")]).repetition == 0.0


def test_distinct_2_is_over_all_answers_together() -> None:
    assert distinct([["a", "b"], ["a", "b"]], 2) == 0.5
    assert distinct([], 2) == 0.0


def test_gains_are_paired_by_prompt() -> None:
    current = [response("x", 0.0), response("x", 1.0), response("x", 2.0), response("x", 2.0)]
    candidate = [response("x", 1.0), response("x", 1.0), response("x", 2.0), response("x", 2.0)]
    found = compare(current, candidate, CONFIG)
    assert found.gain.mean == pytest.approx(0.25)
    assert found.win_rate.mean == pytest.approx(0.75)


def test_moderation_flags_what_its_rules_warn_of() -> None:
    flag = flagged_by(KeywordClassifier({"vile": "hate", "fight": "violence"}))
    assert flag("a vile thing")
    assert not flag("a fight")  # violence is only noted
    assert not flag("a rose")


def test_prompts_that_chose_the_candidate_come_last() -> None:
    held_out = [user(text) for text in "abcd"]
    chosen = choose_prompts(held_out, [user("spare"), user("a")], held_out[:2], 5)
    assert [prompt[0]["content"] for prompt in chosen[2:]] == ["spare", "a", "b"]
    assert {prompt[0]["content"] for prompt in chosen[:2]} == {"c", "d"}


def test_a_policy_compared_with_itself_gains_nothing(policies: Policies, tmp_path: Path) -> None:
    same = Policies(policies.current, policies.current, policies.reference, policies.reward)
    found = run(same, tmp_path)
    assert found.gain == Interval(0.0, 0.0, 0.0)
    assert found.win_rate.mean == 0.5
    assert found.kl.mean == pytest.approx(0.0, abs=1e-4)
    assert found.tax and found.tax.rise == Interval(0.0, 0.0, 0.0)


def test_the_limitations_are_read_of_both(policies: Policies, tmp_path: Path) -> None:
    config = replace(CONFIG, evaluation=replace(CONFIG.evaluation, battery=1))
    prompts = [user("Say it")] * 2
    found = evaluate(policies, prompts, flagged_by(None), config, tmp_path, silent)
    measured = found.benchmarks["current"]["dials"]
    assert set(found.comparison.limitations or {}) == set(measured) == set(NAMES)
    assert EvaluationResult.from_json(found.as_json()) == found


def test_a_reported_answer_that_comes_back_is_named(policies: Policies, tmp_path: Path) -> None:
    prompt = user("Say it")
    policy = EvaluatedPolicy(policies.candidate, CONFIG)
    (completion,) = policy.respond([prompt], CONFIG.ppo.max_new_tokens)
    cases = [
        {"id": "rep_1", "prompt": prompt, "bad": completion.text, "pattern": ""},
        {"id": "rep_2", "prompt": prompt, "bad": "Quite another thing.", "pattern": ""},
    ]
    found = evaluate(policies, [prompt], flagged_by(None), CONFIG, tmp_path, silent, cases)
    assert found.comparison.failed_cases == ["rep_1"]


def test_another_policy_is_away_from_the_reference(policies: Policies, tmp_path: Path) -> None:
    assert run(policies, tmp_path).kl.mean > 1


def test_the_result_is_the_same_each_time(policies: Policies, tmp_path: Path) -> None:
    first = run(policies, tmp_path)
    assert run(policies, tmp_path) == first
    written = json.loads((tmp_path / RESULT).read_text())
    assert EvaluationResult.from_json(written).comparison == first


def test_examples_show_both_answers_to_each_prompt(policies: Policies, tmp_path: Path) -> None:
    run(policies, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / EXAMPLES).read_text().splitlines()]
    assert [row["prompt"][0]["content"] for row in rows] == [f"Say {i}" for i in range(4)]
    assert all(set(row) == {"prompt", "current", "candidate"} for row in rows)
