import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.config import IterationConfig
from training.model.tokenizer import ChatTokenizer
from training.progress import silent
from training.sft import SFT, Batches, train_sft
from tutelage.policies.adapter import ADAPTER_WEIGHTS
from tutelage.policies.parity import load_whole


def dialogues(count: int, answer: str = "It is as it is.") -> list[dict[str, object]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Question {i}"},
                {"role": "assistant", "content": answer},
            ]
        }
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def eager(smoke: IterationConfig) -> IterationConfig:
    """The smoke settings, learning fast enough for a tiny model."""
    return replace(smoke, sft=replace(smoke.sft, epochs=20, learning_rate=1e-2))


@pytest.fixture(scope="module")
def taught(
    tiny_policy: Path, eager: IterationConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("sft")
    train_sft(tiny_policy, dialogues(24), [], eager, directory, silent)
    return directory


def rows(directory: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_the_loss_on_demonstrations_held_back_falls(taught: Path) -> None:
    losses = [row["loss/validation"] for row in rows(taught)]
    assert min(losses) < 0.5 * losses[0]


def test_the_written_policy_says_what_it_was_taught(taught: Path) -> None:
    tokenizer = ChatTokenizer(taught / "policy")
    model = load_whole(taught / "policy", "float32")
    prompt = tokenizer.prompt([{"role": "user", "content": "Question 99"}])
    said = model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0]
    assert tokenizer.text(said[len(prompt) :].tolist()).startswith("It is as it is.")


def test_the_loss_is_on_written_tokens_alone(tiny_policy: Path, smoke: IterationConfig) -> None:
    run = SFT(tiny_policy, smoke, silent)
    dialogue = run.tokenizer.dialogue(dialogues(1)[0]["messages"])
    batches = Batches(run.model, [dialogue])
    ids = torch.tensor([dialogue.ids])
    logprobs = run.model.model(ids).logits[0, :-1].log_softmax(-1)
    each = logprobs.gather(1, ids[0, 1:, None]).squeeze(1)
    expected = -each[torch.tensor(dialogue.written[1:])].sum()
    torch.testing.assert_close(batches.loss(run.layers, [0]), expected, atol=1e-3, rtol=1e-4)


def test_without_demonstrations_the_policy_stays_as_it_is(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    metrics = train_sft(tiny_policy, [], dialogues(3), smoke, tmp_path, silent)
    before, after = (
        load_whole(path, "float32").state_dict() for path in (tiny_policy, tmp_path / "policy")
    )
    assert metrics["demonstrations"] == metrics["replayed"] == 0
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_policy_that_only_gets_worse_is_not_kept(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    hot = replace(smoke, sft=replace(smoke.sft, epochs=1, learning_rate=30.0))
    metrics = train_sft(tiny_policy, dialogues(12), [], hot, tmp_path, silent)
    assert metrics["epoch"] == 0


def test_as_many_dialogues_are_replayed_as_the_settings_say(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    half = replace(smoke, sft=replace(smoke.sft, epochs=1, replay_ratio=0.5))
    metrics = train_sft(tiny_policy, dialogues(10), dialogues(9, "No."), half, tmp_path, silent)
    assert (metrics["demonstrations"], metrics["replayed"]) == (10, 4)


def test_the_same_seed_gives_the_same_policy(
    tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        train_sft(tiny_policy, dialogues(8), [], smoke, tmp_path / name, silent)
    first, second = ((tmp_path / n / "policy" / ADAPTER_WEIGHTS).read_bytes() for n in "ab")
    assert first == second
