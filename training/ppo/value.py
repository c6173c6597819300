"""The value model: what return is to be expected after each prefix of a response.

Linear, and it starts as the reward model read at every prefix (InstructGPT §C.4). It is solved
rather than trained: after each batch, ridge regression of the returns towards the head that was
there before, with the penalty that predicts responses left out best. A head that cannot predict
stays as it was; gradient steps on so few responses made it worse than a constant.

B is the number of responses, T the tokens of the longest, D the features of the reward model, H the
hidden size.
"""

import torch
from torch import Tensor, nn

from training import rlhf
from training.reward.model import PARTS, RewardModel

POSITIONS = 8  # of each response that the regression sees: its tokens say nearly the same
PENALTIES = tuple(10.0**power for power in range(0, 7))
FOLDS = 4


class ValueModel(nn.Module):
    """value = inputs . weight + bias, for inputs [..., D + 2 H]."""

    def __init__(self, reward_model: RewardModel) -> None:
        super().__init__()
        self.reward_model = reward_model
        own = reward_model.weight
        self.register_buffer("weight", torch.cat((own, own.new_zeros(self.prompt_width))))
        self.register_buffer("bias", reward_model.bias.clone())
        self.weight: Tensor
        self.bias: Tensor

    @property
    def prompt_width(self) -> int:
        """Features of the prompt: the states at its end, 2 H."""
        return len(PARTS[2:]) * (len(self.reward_model.weight) // len(PARTS))

    def inputs(self, prefixes: Tensor) -> Tensor:
        """What is read of one response: features of its prefixes [T, D] -> [T, D + 2 H].

        A prefix counts by how much of a usual response it is. The prompt's own states come with
        each, so that a prompt that is answered badly by all has a low value from the beginning.
        """
        width = self.prompt_width // 2
        start = self.reward_model.standardise(prefixes[:1])[:, 2 * width : 4 * width]
        prompt = start / max(1, self.prompt_width) ** 0.5
        return torch.cat(
            (self.reward_model.value_inputs(prefixes), prompt.expand(len(prefixes), -1)), 1
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., D + 2 H] -> [...]."""
        return inputs @ self.weight + self.bias

    def centre(self, values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
        """Shifts the head, and these values [B, T], to the batch's mean return."""
        shift = rlhf.masked_mean(returns - values, mask)
        self.bias += shift
        return (values + shift) * mask

    def fit(self, inputs: Tensor, returns: Tensor, mask: Tensor) -> None:
        """Moves the head towards a batch's returns [B, T]; inputs [B, T, D + 2 H], mask [B, T]."""
        rows, responses = _places(mask)
        x = inputs[rows[:, 0], rows[:, 1]]
        missed = returns[rows[:, 0], rows[:, 1]] - self(x)
        kernel = x @ x.T
        errors = [_left_out(kernel, missed, responses, penalty) for penalty in PENALTIES]
        best = min(range(len(PENALTIES)), key=lambda i: errors[i])
        if errors[best] < float((missed**2).mean()):
            self.weight += x.T @ _solve(kernel, missed, PENALTIES[best])


def _places(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Response and token of the places that are regressed on [N, 2], and each one's response [N].

    They are spread evenly over each response.
    """
    found = [
        (i, int(k * (n - 1) / max(1, min(POSITIONS, n) - 1)))
        for i, n in enumerate(mask.sum(1).tolist())
        for k in range(min(POSITIONS, n))
    ]
    rows = torch.tensor(found, device=mask.device)
    return rows, rows[:, 0]


def _solve(kernel: Tensor, missed: Tensor, penalty: float) -> Tensor:
    """Dual weights [N] of ridge regression."""
    eye = torch.eye(len(kernel), device=kernel.device)
    return torch.linalg.solve(kernel + penalty * eye, missed)


def _left_out(kernel: Tensor, missed: Tensor, responses: Tensor, penalty: float) -> float:
    """The mean squared error on responses that the regression did not see."""
    total = 0.0
    for fold in range(FOLDS):
        unseen = responses % FOLDS == fold
        if unseen.all() or not unseen.any():
            continue
        dual = _solve(kernel[~unseen][:, ~unseen], missed[~unseen], penalty)
        total += float(((missed[unseen] - kernel[unseen][:, ~unseen] @ dual) ** 2).sum())
    return total / len(missed)
