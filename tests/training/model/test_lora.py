import torch
from split_models import IDS, disturbed

from training.model.batching import positions
from training.model.lora import LoRALinear, adapter_state, load_adapter, merge, merged
from training.model.split_model import SplitModel


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
