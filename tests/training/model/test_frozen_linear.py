import copy

import pytest
import torch
from torch import nn

from training.model.frozen_linear import FrozenLinear, freeze, operands_of
from tutelage.errors import Invalid


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


def test_rounded_operands_give_nearly_the_same_map_and_gradient(plain: nn.Linear) -> None:
    frozen = FrozenLinear(plain.weight.data, plain.bias, torch.bfloat16)
    exact, x, y = FrozenLinear(plain.weight.data, plain.bias), torch.randn(9, 7), torch.randn(9, 5)
    assert frozen(x).dtype == torch.float32
    torch.testing.assert_close(frozen(x), exact(x), atol=0.05, rtol=0.02)
    torch.testing.assert_close(
        frozen.transposed_product(y), exact.transposed_product(y), atol=0.05, rtol=0.02
    )


def test_precision_is_one_of_three() -> None:
    assert operands_of("fp32") == torch.float32
    assert operands_of("bf16") == torch.bfloat16
    assert operands_of("auto") in (torch.float32, torch.bfloat16)
    with pytest.raises(Invalid, match="precision"):
        operands_of("fp8")


def test_a_released_layer_says_that_it_cannot_go_backwards(plain: nn.Linear) -> None:
    frozen = FrozenLinear(plain.weight.data)
    frozen.release()
    if not frozen.weight.is_meta:
        pytest.skip("this processor wants no other layout, so nothing is released")
    with pytest.raises(Invalid, match="multiplies forwards only"):
        frozen.transposed_product(torch.ones(2, 5))
