"""How unsure a reward model is: heads that were fitted to differently weighted judgements.

Every head sees each conversation with a weight of its own, drawn from the exponential distribution
(the Bayesian bootstrap, Rubin 1981). Where the heads disagree on which answer is better, a
person's judgement would teach most (query by committee, Seung et al. 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor

from training import parallel
from training.config import RewardModelConfig
from training.model.checkpoint import load_state, save_state
from training.reward.head import fit_head
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceBatch, PreferenceExample
from tutelage.iteration_folder import ENSEMBLE


@dataclass(frozen=True)
class Ensemble:
    """Several heads over one standardisation of the features."""

    head: RewardModel  # whose standardisation it is
    weights: Tensor  # [M, D]

    def disagreement(self, features: Tensor) -> float:
        """Of answers to one prompt, [K, D]: the variance among heads of the probability that one
        answer beats another, on average over all pairs; 0 to 0.25."""
        scores = self.head.standardise(features) @ self.weights.T  # [K, M]
        first, second = zip(*combinations(range(len(features)), 2), strict=True)
        wins = torch.sigmoid(scores[list(first)] - scores[list(second)])  # [pairs, M]
        return float(wins.var(1, correction=0).mean())

    def save(self, directory: Path) -> None:
        """Writes one safetensors file beside the reward model's."""
        save_state(directory / ENSEMBLE, {"weights": self.weights}, {})

    @classmethod
    def load(cls, directory: Path) -> "Ensemble":
        """Reads what ``save`` wrote, in the folder of its reward model."""
        return cls(RewardModel.load(directory), load_state(directory / ENSEMBLE)[0]["weights"])


def fit_ensemble(
    head: RewardModel,
    rows: Sequence[PreferenceExample],
    features: Sequence[Tensor],
    config: RewardModelConfig,
    seed: int,
) -> Ensemble:
    """Heads beside ``head``, with its standardisation and penalty, on the same rows."""
    everything = head.standardise(torch.cat(list(features)))
    generator = torch.Generator().manual_seed(seed)
    conversations = list(dict.fromkeys(row.conversation for row in rows))

    def fitted(drawn: Tensor) -> Tensor:
        worth = dict(zip(conversations, drawn.tolist(), strict=True))
        weighted = [replace(row, weight=row.weight * worth[row.conversation]) for row in rows]
        return fit_head(everything, PreferenceBatch.of(weighted), head.facts["penalty"])

    drawn = [
        -torch.rand(len(conversations), generator=generator).clamp_min(1e-9).log()
        for _ in range(config.heads)
    ]
    return Ensemble(head, torch.stack(parallel.shared(drawn, lambda own: [*map(fitted, own)])))
