"""No stage leaves a tensor on the wrong device, and 16-bit weights train in float32 adapters."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from ppo_runs import run as run_ppo
from pretend_device import OnDevice, pretended_device
from torch.utils._python_dispatch import _disable_current_modes
from transformers import AutoModelForCausalLM

from training.config import IterationConfig
from training.evaluation.evaluate import Policies, evaluate, flagged_by
from training.model.load import load_model
from training.progress import silent
from training.reward.train import train_reward_model
from training.sft import train_sft

DIALOGUES = [
    {"messages": [{"role": "user", "content": f"Question {i}"},
                  {"role": "assistant", "content": "It is as it is."}]}
    for i in range(8)
]  # fmt: skip
RANKINGS = [
    {"conversation_id": f"c{i}", "prompt": [{"role": "user", "content": f"Question {i}"}],
     "responses": ["yes", "yes and no and so on"], "ranks": [0, 1]}
    for i in range(6)
]  # fmt: skip
PROMPTS = [[{"role": "user", "content": f"Say {i}"}] for i in range(3)]


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The pretended device; models are read as ever and then moved to it."""
    read = AutoModelForCausalLM.from_pretrained

    def read_on_the_cpu(*args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            return read(*args, **kwargs)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", read_on_the_cpu)
    with pretended_device() as name:
        yield name


@pytest.fixture
def config(device: str, smoke: IterationConfig) -> IterationConfig:
    return replace(
        smoke, device=device, top_layers=2, precision="fp32",
        evaluation=replace(smoke.evaluation, prompts=3, samples=1, resamples=20, battery=0),
    )  # fmt: skip


def test_a_tensor_on_the_wrong_device_is_noticed(device: str) -> None:
    with pytest.raises(RuntimeError, match="on the device and on the CPU"):
        torch.ones(2, device=device) + torch.ones(2)


def test_a_model_is_on_the_device(tiny_policy: Path, config: IterationConfig) -> None:
    model = load_model(tiny_policy, config)
    assert all(isinstance(p.data, OnDevice) for p in model.model.parameters())


def test_sft_runs_on_a_device(tiny_policy: Path, config: IterationConfig, tmp_path: Path) -> None:
    found = train_sft(tiny_policy, DIALOGUES, [], config, tmp_path / "device", silent)
    on_cpu = replace(config, device="cpu")
    expected = train_sft(tiny_policy, DIALOGUES, [], on_cpu, tmp_path / "cpu", silent)
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_reward_model_is_trained_on_a_device(
    tiny_policy: Path, config: IterationConfig, tmp_path: Path
) -> None:
    short = replace(config.reward_model, penalties=(1.0,), heads=1, drawn_heads=1)
    config = replace(config, reward_model=short)
    few, on_cpu = RANKINGS[:4], replace(config, device="cpu")
    found = train_reward_model(tiny_policy, few, [], config, tmp_path / "device", silent)
    expected = train_reward_model(tiny_policy, few, [], on_cpu, tmp_path / "cpu", silent)
    assert found == {
        name: pytest.approx(fact, rel=1e-3) if isinstance(fact, float) else fact
        for name, fact in expected.items()
    }


def test_ppo_runs_on_a_device(
    tiny_policy: Path, rewards: Path, config: IterationConfig, tmp_path: Path
) -> None:
    assert run_ppo(tiny_policy, rewards, config, tmp_path)["updates"] > 0


def test_policies_are_evaluated_on_a_device(
    tiny_policy: Path, rewards: Path, config: IterationConfig, tmp_path: Path
) -> None:
    policies = Policies(tiny_policy, tiny_policy, tiny_policy, rewards / "proxy")
    evaluate(policies, PROMPTS, flagged_by(None), config, tmp_path, silent)


def test_weights_of_16_bits_keep_their_adapters_in_32(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = replace(smoke, dtype="bf16", top_layers=2)
    model = load_model(tiny_policy, config)
    assert model.dtype == torch.bfloat16
    adapted = model.adapted(4, 8.0, 0)
    assert {p.dtype for p in adapted.parameters() if p.requires_grad} == {torch.float32}
    train_sft(tiny_policy, DIALOGUES, [], config, tmp_path / "sft", silent)
    train_reward_model(tiny_policy, RANKINGS, [], config, tmp_path / "reward", silent)
    assert run_ppo(tiny_policy, rewards, config, tmp_path / "ppo")["updates"] > 0
