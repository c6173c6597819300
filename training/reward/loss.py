"""The loss of reward models on comparisons."""

from torch import Tensor
from torch.nn import functional


def comparison_loss(margins: Tensor, preferences: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of the pairs' outcomes under sigmoid(r_chosen - r_rejected); a scalar.

    InstructGPT eq. 1: the caller gives all K-choose-2 pairs of a ranking with weights that sum to
    one per ranking. A tie has preference one half (Rao and Kupper's model would need another
    parameter; half a win to each side is what Elo does).

    Args: margins r_i - r_j [K]; preferences: 1 = i won, 0.5 = tie, 0 = j won [K]; weights [K].
    """
    losses = functional.binary_cross_entropy_with_logits(margins, preferences, reduction="none")
    return (weights * losses).sum()
