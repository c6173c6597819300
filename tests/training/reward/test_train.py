from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.config import IterationConfig, RewardModelConfig
from training.model.batching import positions
from training.model.load import load_model
from training.model.tiny import write_tiny_policy
from training.model.tokenizer import ChatTokenizer
from training.progress import silent
from training.reward.features import all_features, prefix_features, trunk_states
from training.reward.head import fit, without_length
from training.reward.model import RewardModel, check_policy
from training.reward.preferences import PreferenceExample, preference_examples
from training.reward.train import train_reward_model
from tutelage.errors import Invalid

PROMPT = torch.tensor([1, 2])


def shorter_is_better(count: int) -> list[dict[str, object]]:
    """Rankings of four in which the shorter response always wins."""
    sizes = [1, 3, 6, 10]
    return [
        {
            "conversation_id": str(i),
            "prompt": [{"role": "user", "content": f"Question {i}"}],
            "responses": [("the " if i // 2 % 2 else "a ") * n for n in sizes],
            "ranks": [0, 1, 2, 3],
        }
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def trained(
    tiny_policy: Path, smoke: IterationConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("reward")
    train_reward_model(tiny_policy, shorter_is_better(8), [], smoke, directory, silent)
    return directory


def test_features_are_means_last_states_and_lengths_of_every_prefix() -> None:
    split = torch.tensor([[9.0], [1.0], [3.0], [5.0]])  # two of the prompt
    final = torch.tensor([[9.0], [2.0], [4.0], [9.0]])
    features = prefix_features(split, final, 2, finished=True)
    assert features.tolist() == [
        [1, 2, 1, 2, 0, 0],
        [3, 4, 3, 4, 0, 1],
        [4, 6.5, 5, 9, 1, 2],
    ]


def test_the_head_reads_what_it_is_told_to_read() -> None:
    rows = [
        PreferenceExample(str(i), PROMPT, [PROMPT, PROMPT], [(0, 1, 1.0)], 1.0) for i in range(4)
    ]
    features = [torch.randn(2, 10, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    head = fit(rows, features, RewardModelConfig(reads="final"))
    assert (head.weight != 0).tolist() == [False, False, True, True] * 2 + [True, True]
    assert head.score(features[0]).isfinite().all()


def test_features_of_responses_that_share_a_prompt_equal_those_of_each_alone(
    tiny_policy: Path, smoke: IterationConfig
) -> None:
    model, tokenizer = load_model(tiny_policy, smoke), ChatTokenizer(tiny_policy)
    rows = preference_examples(tokenizer, shorter_is_better(1), [], 512)
    (features,) = all_features(model, model.reference, rows, [trunk_states(model, rows[0])])
    for response, mine in zip(rows[0].responses, features, strict=True):
        ids = torch.cat((rows[0].prompt, response))[None]
        split = model.trunk(ids, positions(ids))
        final = model.top(model.reference, split, positions(ids))
        expected = prefix_features(split[0], final[0], len(rows[0].prompt), finished=True)[-1]
        torch.testing.assert_close(mine, expected, atol=1e-4, rtol=1e-4)


def test_it_learns_what_the_rankings_say(trained: Path) -> None:
    facts = RewardModel.load(trained).facts
    assert facts["accuracy"] > 0.95
    assert facts["shorter_wins"] == 1.0
    assert facts["comparisons"] == 8 * 6


def test_scores_of_the_judged_answers_have_mean_zero_and_deviation_one(
    trained: Path, tiny_policy: Path, smoke: IterationConfig
) -> None:
    reward_model, model = RewardModel.load(trained), load_model(tiny_policy, smoke)
    rows = preference_examples(ChatTokenizer(tiny_policy), shorter_is_better(8), [], 512)
    states = [trunk_states(model, row) for row in rows]
    features = all_features(model, model.reference, rows, states)
    scores = reward_model.score(torch.cat(features))
    assert abs(float(scores.mean())) < 1e-4
    assert float(scores.std(correction=0)) == pytest.approx(1, abs=1e-3)


def test_nothing_is_promised_beyond_what_was_judged(trained: Path) -> None:
    reward_model = RewardModel.load(trained)
    edge = reward_model.score(reward_model.high)
    torch.testing.assert_close(reward_model.score(reward_model.high * 2 + 100), edge)


def test_thumbs_within_prompts_alone_are_enough(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    thumbs = [
        {
            "conversation_id": str(i // 2),
            "prompt": [{"role": "user", "content": f"Question {i // 2}"}],
            "response": "yes" if i % 2 else "the the the the",
            "value": i % 2,
        }
        for i in range(8)
    ]
    train_reward_model(tiny_policy, [], thumbs, smoke, tmp_path, silent)
    rows = preference_examples(ChatTokenizer(tiny_policy), [], thumbs, 512)
    model, reward_model = load_model(tiny_policy, smoke), RewardModel.load(tmp_path)
    features = all_features(model, model.reference, rows, [trunk_states(model, r) for r in rows])
    scores = reward_model.score(torch.cat(features))
    assert scores[1::2].min() > scores[::2].max()


def test_what_signals_imply_is_learned_and_not_measured(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    """They say the opposite: the head follows where they weigh much, and no figure is of them."""
    rows = shorter_is_better(8)
    implied = [
        row | {"conversation_id": f"other {i}", "ranks": [1, 1, 0, 0], "weight": 30.0}
        for i, row in enumerate(rows)
    ]
    alone = train_reward_model(tiny_policy, rows, [], smoke, tmp_path, silent)
    taught = train_reward_model(tiny_policy, rows, [], smoke, tmp_path, silent, implied)
    assert (taught["rankings"], taught["signals"]) == (alone["rankings"], 8)
    assert taught["comparisons"] == alone["comparisons"]
    assert taught["accuracy"] < 0.5 < alone["accuracy"]
    with pytest.raises(Invalid, match="nothing to compare"):
        train_reward_model(tiny_policy, [], [], smoke, tmp_path, silent, implied)


def test_nothing_to_compare_is_refused(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="nothing to compare"):
        train_reward_model(tiny_policy, [], [], smoke, tmp_path, silent)


def test_a_reward_model_belongs_to_one_policy(trained: Path, tmp_path: Path) -> None:
    write_tiny_policy(tmp_path / "other", seed=1)
    with pytest.raises(Invalid, match="not trained on"):
        check_policy([RewardModel.load(trained)], tmp_path / "other")


def test_lora_is_tried_kept_on_request_and_comes_back_from_disk(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = replace(smoke, reward_model=replace(smoke.reward_model, kind="lora"))
    facts = train_reward_model(tiny_policy, shorter_is_better(8), [], config, tmp_path, silent)
    reward_model = RewardModel.load(tmp_path)
    assert facts["lora/kept"] and reward_model.adapter
    model = load_model(tiny_policy, smoke)
    rows = preference_examples(ChatTokenizer(tiny_policy), shorter_is_better(8), [], 512)
    states = [trunk_states(model, row) for row in rows]
    layers = reward_model.top(model, config.reward_model)
    scores = reward_model.score(torch.cat(all_features(model, layers, rows, states)))
    assert abs(float(scores.mean())) < 1e-4
    assert (scores.view(-1, 4)[:, 0] > scores.view(-1, 4)[:, 3]).all()


def test_auto_tries_lora_only_where_feedback_is_plenty(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    few, many = (
        replace(smoke, reward_model=replace(smoke.reward_model, kind="auto", lora_minimum=n))
        for n in (1000, 40)
    )
    rows = shorter_is_better(8)
    assert "lora/gain" not in train_reward_model(tiny_policy, rows, [], few, tmp_path, silent)
    assert "lora/gain" in train_reward_model(tiny_policy, rows, [], many, tmp_path, silent)


def test_a_stronger_penalty_is_chosen_when_judgements_are_noise(smoke: IterationConfig) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = judged_like(40, generator)
    features = [torch.randn(4, 66, generator=generator) for _ in rows]
    facts = fit(rows, features, replace(smoke.reward_model, folds=5)).facts
    assert facts["penalty"] >= 1
    assert 0.3 < facts["accuracy"] < 0.7


def judged_like(count: int, generator: torch.Generator) -> list[PreferenceExample]:
    """Rankings of four whose outcomes are coin flips."""
    return [
        PreferenceExample(
            conversation=str(i),
            prompt=torch.zeros(1),
            responses=[torch.zeros(1)] * 4,
            pairs=[
                (a, b, float(torch.rand(1, generator=generator) < 0.5))
                for a in range(4)
                for b in range(a + 1, 4)
            ],
            weight=1.0,
        )
        for i in range(count)
    ]


def test_without_length_scores_no_longer_go_with_it() -> None:
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(4, 6, generator=generator) for _ in range(20)]
    for f in features:
        f[:, 0] += f[:, -1]  # a feature that goes with length
    weight = without_length(torch.tensor([1.0, 0.5, 0.0, 0.0, 0.0, 2.0]), features)
    centred = torch.cat([f - f.mean(0) for f in features])
    assert abs(float(centred[:, -1] @ (centred @ weight))) < 1e-3
    assert weight[:-1].tolist() == [1.0, 0.5, 0.0, 0.0, 0.0]
