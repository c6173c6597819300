"""Packed linear layers compute what ordinary ones do."""

import pytest
import torch
from torch import nn

from server.generators.linear import PackedLinear, pack


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_packed_layer_equals_the_ordinary_one(bias: bool, rows: int) -> None:
    linear = nn.Linear(48, 96, bias=bias)
    inputs = torch.randn(1, rows, 48)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(linear)(inputs), linear(inputs))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
def test_all_linear_layers_are_packed_and_tied_embeddings_stay() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 10))
    model[2].weight = model[0].weight
    pack(model)
    assert [type(model[i]) for i in (0, 2)] == [nn.Embedding, PackedLinear]
    assert type(model[1][0]) is PackedLinear
    assert model[0].weight.shape == (10, 4)
