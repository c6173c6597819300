"""What the tests of the model share: ids of two prompts, and an adapted top that has learned."""

import torch
from torch import nn

IDS = torch.tensor([[1, 40, 41, 42, 43, 44], [1, 50, 51, 52, 53, 54]])


def disturbed(layers: nn.ModuleList) -> nn.ModuleList:
    """An adapted top that differs from the reference."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layers.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return layers
