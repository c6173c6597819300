"""Every family of model is trained as transformers computes it, or refused in a sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from family_twins import TWINS, family, write_twin
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from training import rlhf
from training.config import IterationConfig
from training.model.batching import pad, positions
from training.model.general_model import GeneralModel
from training.model.load import load_model
from training.model.lora import merged
from training.model.split_model import SplitModel
from training.ppo.rollout import Episode, RolloutSampling, sample
from tutelage.policies.families import FAST
from tutelage.policies.parity import load_whole

BOUND = 1e-3  # nats per token
LENGTHS = (40, 33)  # longer than the twins' windows


@pytest.fixture(scope="module", params=TWINS)
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_twin(request.param, tmp_path_factory.mktemp("twin") / request.param)


@pytest.fixture(scope="module")
def settings(smoke: IterationConfig) -> IterationConfig:
    return replace(smoke, top_layers=2, precision="fp32")


@pytest.fixture(scope="module")
def model(twin: Path, settings: IterationConfig) -> SplitModel:
    return load_model(twin, settings)


@pytest.fixture(scope="module")
def plain(twin: Path) -> nn.Module:
    """The same policy as transformers alone reads it."""
    return AutoModelForCausalLM.from_pretrained(twin).eval()


def texts(model: SplitModel) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(3, model.head.out_features, (n,), generator=generator) for n in LENGTHS]


@torch.no_grad()
def expected_logprobs(plain: nn.Module, ids: Tensor, temperature: float = 1.0) -> Tensor:
    """Of each token but the first, one row at a time, without a cache."""
    logits = plain(ids[None], use_cache=False).logits[0, :-1].float() / temperature
    return torch.log_softmax(logits, -1).gather(1, ids[1:, None]).squeeze(1)


def disturbed(layers: nn.ModuleList) -> nn.ModuleList:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layers.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return layers


def test_logprobs_are_those_of_transformers(model: SplitModel, plain: nn.Module) -> None:
    rows = texts(model)
    ids = pad(rows)
    final = model.top(model.reference, model.trunk(ids, positions(ids)), positions(ids))
    for row, states in zip(rows, final, strict=True):
        found, _ = rlhf.logprobs_and_entropy(states[: len(row) - 1], model.head, row[1:])
        assert (found - expected_logprobs(plain, row)).abs().max() < BOUND


def rollout(model: SplitModel, layers: nn.ModuleList) -> list[Episode]:
    prompts = [row.tolist() for row in texts(model)] + [[5, 6, 7], [5, 6, 8, 9]]
    uniforms = torch.rand(len(prompts), 12, generator=torch.Generator().manual_seed(3))
    return sample(model, layers, prompts, uniforms, RolloutSampling(0.8, 12, {2, 3, 4, 5}))


def test_what_is_sampled_has_the_logprobs_of_transformers(
    model: SplitModel, plain: nn.Module
) -> None:
    for episode in rollout(model, model.reference):
        whole = torch.cat((episode.prompt, episode.response))
        expected = expected_logprobs(plain, whole, 0.8)[len(episode.prompt) - 1 :]
        assert (episode.logprobs - expected).abs().max() < BOUND


def test_a_rollouts_states_are_those_that_the_update_computes(model: SplitModel) -> None:
    for episode in rollout(model, model.reference):
        ids = torch.cat((episode.prompt, episode.words))[None]
        torch.testing.assert_close(
            episode.hidden, model.trunk(ids, positions(ids))[0], atol=1e-4, rtol=1e-4
        )


def test_a_shared_prefix_changes_nothing(model: SplitModel) -> None:
    ids = pad(texts(model))
    ids = torch.cat((ids[:1, :9].expand(2, -1), ids), 1)
    _, rest = model.share_prefix(model.trunk, ids[:1, :9], ids[:, 9:])
    whole = model.trunk(ids, positions(ids))
    torch.testing.assert_close(rest, whole[:, 9:], atol=1e-4, rtol=1e-4)


def test_adapters_merged_and_saved_are_what_was_trained(
    twin: Path, settings: IterationConfig, tmp_path: Path
) -> None:
    model = load_model(twin, settings)
    adapted = disturbed(model.adapted(4, 8.0, 0))
    ids = pad(texts(model))
    hidden = model.trunk(ids, positions(ids))
    trained = model.top(adapted, hidden, positions(ids)).detach()
    sampled = model.top(merged(adapted), hidden, positions(ids))
    torch.testing.assert_close(sampled, trained, atol=2e-4, rtol=1e-3)
    before = model.top(model.reference, hidden, positions(ids))
    assert (trained - before).abs().max() > 0.01
    model.save(twin, tmp_path / "policy", adapted)
    saved = load_whole(tmp_path / "policy", "float32")
    for row, states in zip(texts(model), trained, strict=True):
        found, _ = rlhf.logprobs_and_entropy(states[: len(row) - 1], model.head, row[1:])
        assert (found - expected_logprobs(saved, row)).abs().max() < BOUND


def test_gradients_reach_every_adapter(model: SplitModel) -> None:
    adapted = disturbed(model.adapted(4, 8.0, 0))
    ids = pad(texts(model))
    final = model.top(adapted, model.trunk(ids, positions(ids)), positions(ids))
    logprobs, _ = rlhf.logprobs_and_entropy(final[0, :-1], model.head, ids[0, 1:])
    logprobs.sum().backward()
    trained = [p for p in adapted.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in trained)


def test_the_gradient_is_that_of_transformers(model: SplitModel, plain: nn.Module) -> None:
    """Of one token's log-probability with respect to the states at the split, by differences."""
    ids = texts(model)[0][None]
    hidden = model.trunk(ids, positions(ids)).detach().requires_grad_()

    def logprob(states: Tensor) -> Tensor:
        final = model.top(model.reference, states, positions(ids))
        return rlhf.logprobs_and_entropy(final[0, -2:-1], model.head, ids[0, -1:])[0].sum()

    logprob(hidden).backward()
    assert hidden.grad is not None
    way = hidden.grad / hidden.grad.norm()
    with torch.no_grad():
        step = 1e-2
        slope = (logprob(hidden + step * way) - logprob(hidden - step * way)) / (2 * step)
    assert float(slope) == pytest.approx(float(hidden.grad.norm()), rel=0.05)


def test_the_fast_path_is_for_the_families_that_are_listed(model: SplitModel, twin: Path) -> None:
    fast = family(twin.name) in FAST and "window" not in twin.name
    assert isinstance(model, GeneralModel) is not fast
