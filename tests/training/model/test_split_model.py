import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from training.config import IterationConfig
from training.model.lora import LoRALinear
from training.model.split_model import (
    SplitModel,
    adapter_state,
    buckets,
    common_prefix,
    compute,
    load_adapter,
    merge,
    merged,
    pad,
    positions,
    share_prefix,
)
from training.model.tokenizer import ChatTokenizer
from tutelage.errors import Invalid

IDS = torch.tensor([[1, 40, 41, 42, 43, 44], [1, 50, 51, 52, 53, 54]])


@pytest.fixture
def model(tiny_policy: Path, smoke: IterationConfig) -> SplitModel:
    return SplitModel.load(tiny_policy, smoke)


def disturbed(layers: nn.ModuleList) -> nn.ModuleList:
    """An adapted top that differs from the reference."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layers.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return layers


def test_trunk_and_top_together_are_the_model(model: SplitModel) -> None:
    final = model.top(model.reference, model.trunk(IDS, positions(IDS)), positions(IDS))
    torch.testing.assert_close(model.head(final), model.model(IDS).logits)


def test_new_adapters_change_nothing(model: SplitModel) -> None:
    hidden = model.trunk(IDS, positions(IDS))
    adapted = model.top(model.adapted(4, 8.0, 0), hidden, positions(hidden))
    torch.testing.assert_close(adapted, model.top(model.reference, hidden, positions(hidden)))


def test_merged_layers_are_the_adapted_layers(model: SplitModel) -> None:
    adapted = disturbed(model.adapted(4, 8.0, 0))
    hidden = model.trunk(IDS, positions(IDS))
    plain = merged(adapted)
    expected = model.top(adapted, hidden, positions(hidden))
    merge(adapted, into=model.reference)
    for layers in (plain, model.reference):
        outputs = model.top(layers, hidden, positions(hidden))
        torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=1e-4)


def test_gradients_reach_adapters_and_nothing_else(model: SplitModel) -> None:
    adapted = disturbed(model.adapted(4, 8.0, 0))
    hidden = model.trunk(IDS, positions(IDS))
    model.top(adapted, hidden, positions(hidden)).square().sum().backward()
    linear = [m for m in adapted.modules() if isinstance(m, LoRALinear)]
    assert len(linear) == 2 * 7
    assert all(m.a.grad is not None and m.b.grad is not None for m in linear)
    assert all(p.grad is None for p in model.model.parameters())


def test_adapters_get_the_gradients_of_plain_low_rank_updates(model: SplitModel) -> None:
    layer = next(
        m for m in disturbed(model.adapted(4, 8.0, 0)).modules() if isinstance(m, LoRALinear)
    )
    found = []
    for run in (layer, lambda x: x @ (layer.base.weight + layer.scale * layer.b @ layer.a).T):
        x = torch.linspace(-1, 1, 3 * layer.base.in_features).view(1, 3, -1).requires_grad_()
        run(x).square().sum().backward()
        found.append([x.grad, layer.a.grad, layer.b.grad])
        layer.a.grad = layer.b.grad = None
    torch.testing.assert_close(*found)


def test_adapters_share_the_frozen_weights(model: SplitModel) -> None:
    adapted = model.adapted(4, 8.0, 0)
    own = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    shared = {p.data_ptr() for p in model.reference.parameters()}
    others = [p for p in adapted.parameters() if p.data_ptr() not in shared]
    assert sum(p.numel() for p in others) == own


def test_an_adapter_state_goes_round(model: SplitModel) -> None:
    source, target = disturbed(model.adapted(4, 8.0, 0)), model.adapted(4, 8.0, 1)
    load_adapter(target, adapter_state(source))
    for name, tensor in adapter_state(source).items():
        assert torch.equal(tensor, adapter_state(target)[name])


def test_rows_that_share_a_prefix_get_the_states_of_whole_rows(model: SplitModel) -> None:
    prefix, rows = IDS[:1, :2], torch.stack((IDS[0, 2:], IDS[1, 2:]))
    first, rest = share_prefix(model.trunk, prefix, rows)
    whole = torch.cat((prefix.expand(2, -1), rows), 1)
    expected = model.trunk(whole, positions(whole))
    torch.testing.assert_close(rest, expected[:, 2:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(first, expected[:1, :2], atol=1e-5, rtol=1e-5)


def test_gradients_pass_through_a_shared_prefix(model: SplitModel) -> None:
    adapted = disturbed(model.adapted(4, 8.0, 0))
    prefix, rows = IDS[:1, :2], torch.stack((IDS[0, 2:], IDS[1, 2:]))
    states = share_prefix(model.trunk, prefix, rows)
    share_prefix(partial(model.top, adapted), *states)[1].sum().backward()
    shared = [p.grad.clone() for p in adapted.parameters() if p.grad is not None]
    adapted.zero_grad()
    whole = torch.cat((prefix.expand(2, -1), rows), 1)
    hidden = model.trunk(whole, positions(whole))
    model.top(adapted, hidden, positions(hidden))[:, 2:].sum().backward()
    for mine, expected in zip(
        shared, [p.grad for p in adapted.parameters() if p.grad is not None], strict=True
    ):
        torch.testing.assert_close(mine, expected, atol=1e-4, rtol=1e-4)


def test_padding_changes_no_state(model: SplitModel) -> None:
    rows = pad([IDS[0, :3], IDS[1]])
    padded = model.trunk(rows, positions(rows))[0, :3]
    alone = model.trunk(IDS[:1, :3], positions(IDS[:1, :3]))[0]
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-5)


def test_an_empty_prefix_is_no_prefix(model: SplitModel) -> None:
    first, rest = share_prefix(model.trunk, IDS[:1, :0], IDS)
    assert first.shape[1] == 0
    torch.testing.assert_close(rest, model.trunk(IDS, positions(IDS)))


def test_prompts_share_what_they_all_begin_with_but_never_a_last_token() -> None:
    assert common_prefix([[1, 2, 3, 4], [1, 2, 5]]) == 2
    assert common_prefix([[1, 2], [1, 2, 3]]) == 1
    assert common_prefix([[1], [2]]) == 0


def test_buckets_hold_every_row_once_and_stay_small() -> None:
    lengths = [5, 1, 9, 3, 3, 7]
    groups = list(buckets(lengths, 12))
    assert sorted(i for group in groups for i in group) == list(range(6))
    assert all(max(lengths[i] for i in g) * len(g) <= 12 for g in groups if len(g) > 1)


def test_a_saved_policy_is_one_for_transformers(
    model: SplitModel, tiny_policy: Path, tmp_path: Path
) -> None:
    merge(disturbed(model.adapted(4, 8.0, 0)), into=model.reference)
    model.save(tiny_policy, tmp_path / "policy")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    torch.testing.assert_close(loaded(IDS).logits, model.model(IDS).logits)
    assert ChatTokenizer(tmp_path / "policy").eos_ids == {2}


@pytest.mark.parametrize("layers", [0, 4])
def test_a_split_outside_the_model_is_refused(
    layers: int, tiny_policy: Path, smoke: IterationConfig
) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_policy)
    with pytest.raises(Invalid, match="between 1 and 3"):
        SplitModel(plain, layers)


def test_rows_without_a_token_have_no_states(tiny_policy: Path, smoke: IterationConfig) -> None:
    model = SplitModel.load(tiny_policy, smoke)
    prefix, rows = torch.tensor([[3, 4, 5]]), torch.zeros(2, 0, dtype=torch.long)
    before, states = share_prefix(model.trunk, prefix, rows)
    assert (before.shape[1], tuple(states.shape[:2])) == (3, (2, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bind processes to cores")
def test_threads_are_as_many_as_the_cores_that_one_may_use(smoke: IterationConfig) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with compute(replace(smoke, threads=0)):
            assert torch.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)
