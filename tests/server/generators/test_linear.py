"""Packed linear layers compute what ordinary ones do."""

import pytest
import torch
from torch import nn

from server.generators.linear import PackedLinear, pack

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
    reason="torch without oneDNN",
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_packed_layer_equals_the_ordinary_one(bias: bool, rows: int) -> None:
    linear = nn.Linear(48, 96, bias=bias)
    inputs = torch.randn(1, rows, 48)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(linear)(inputs), linear(inputs))


def test_all_linear_layers_are_packed_and_tied_embeddings_stay() -> None:
    embedding, inner, head = nn.Embedding(10, 4), nn.Linear(4, 4), nn.Linear(4, 10)
    head.weight = embedding.weight
    model = nn.ModuleDict({"embedding": embedding, "body": nn.Sequential(inner), "head": head})
    pack(model)
    packed = [name for name, module in model.named_modules() if isinstance(module, PackedLinear)]
    assert packed == ["body.0", "head"]
    assert embedding.weight.shape == (10, 4)
