import copy

import pytest
import torch
from torch import nn

from training.linear import FrozenLinear, freeze


@pytest.fixture
def plain() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(7, 5)


def test_it_is_the_same_map(plain: nn.Linear) -> None:
    x = torch.randn(3, 4, 7)
    torch.testing.assert_close(FrozenLinear(plain.weight.data, plain.bias)(x), plain(x))


def test_its_input_gets_the_same_gradient_and_its_weights_none(plain: nn.Linear) -> None:
    frozen = FrozenLinear(plain.weight.data.clone(), plain.bias.data.clone())
    grads = []
    for layer in (plain, frozen):
        x = torch.ones(3, 7, requires_grad=True)
        layer(x).square().sum().backward()
        grads.append(x.grad)
    torch.testing.assert_close(*grads)
    assert frozen.weight.grad is None


def test_weights_written_later_are_used_in_both_directions(plain: nn.Linear) -> None:
    frozen = FrozenLinear(plain.weight.data.clone())
    frozen.product(torch.ones(2, 7))
    frozen.transposed_product(torch.ones(2, 5))
    frozen.write(torch.eye(5, 7))
    assert frozen.product(torch.ones(1, 7)).tolist() == [[1.0] * 5]
    assert frozen.transposed_product(torch.ones(1, 5)).tolist() == [[1.0] * 5 + [0.0] * 2]


def test_a_copy_has_its_own_weights(plain: nn.Linear) -> None:
    frozen = FrozenLinear(plain.weight.data.clone())
    frozen.product(torch.ones(1, 7))
    twin = copy.deepcopy(frozen)
    twin.write(torch.zeros(5, 7))
    assert frozen.weight.abs().sum() > 0
    assert twin.product(torch.ones(1, 7)).abs().sum() == 0


def test_freezing_reaches_every_linear_layer_and_keeps_names(plain: nn.Linear) -> None:
    module = nn.Sequential(plain, nn.ReLU(), nn.Sequential(nn.Linear(5, 2)))
    names = set(module.state_dict())
    freeze(module)
    assert set(module.state_dict()) == names
    assert sum(isinstance(m, FrozenLinear) for m in module.modules()) == 2
