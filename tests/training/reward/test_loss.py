"""The comparison loss against its formula."""

import torch

from training.reward.loss import comparison_loss


def test_comparison_loss_is_the_explicit_sum() -> None:
    margins = torch.tensor([0.3, -1.2, 0.7])
    loss = comparison_loss(margins, torch.tensor([1.0, 0.0, 0.5]), torch.tensor([0.5, 0.25, 0.25]))
    win, lose = torch.sigmoid(margins).log(), torch.sigmoid(-margins).log()
    expected = -(0.5 * win[0] + 0.25 * lose[1] + 0.25 * (0.5 * win[2] + 0.5 * lose[2]))
    torch.testing.assert_close(loss, expected)
