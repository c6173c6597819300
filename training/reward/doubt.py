"""How wrong a reward model may be: heads drawn from all that fit the judgements about as well.

Each is fitted to a bootstrap of the judgements (those of one labeler together, where there are
many labelers; else those of one conversation), and held back towards weights drawn from the prior
that its penalty stands for instead of towards zero. So the heads differ where judgements are noisy,
and also where there are none: in what no judged response shows ("randomized prior functions",
Osband, Aslanides and Cassirer 2018, arXiv 1806.03335).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from training import parallel
from training.config import RewardModelConfig
from training.model.checkpoint import load_state, save_state
from training.reward.head import fit_head, without_length
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceBatch, PreferenceExample
from tutelage.errors import Unavailable
from tutelage.iteration_folder import DOUBT

MANY = 10  # labelers, from whom it can be seen how far labelers differ


@dataclass(frozen=True)
class Doubt:
    """Drawn heads over one reward model's standardised features, in the units of its scores."""

    weights: Tensor  # [heads, D]

    def scores(self, reward: RewardModel, features: Tensor) -> Tensor:
        """Features [..., D] -> scores [..., heads]; the reward model's own bias is left out."""
        return reward.standardise(features) @ self.weights.T

    def to(self, device: torch.device) -> "Doubt":
        """The same heads on another device."""
        return Doubt(self.weights.to(device))

    def save(self, directory: Path) -> None:
        """Writes one safetensors file beside the reward model's."""
        save_state(directory / DOUBT, {"weights": self.weights}, {})

    @classmethod
    def load(cls, directory: Path) -> "Doubt":
        """Reads what ``save`` wrote. Raises Unavailable where an earlier version trained."""
        if not (directory / DOUBT).is_file():
            raise Unavailable(
                f"The reward model in {directory} was trained by an earlier version, which did not "
                "measure its error. Cancel the iteration and request it again."
            )
        return cls(load_state(directory / DOUBT)[0]["weights"])


def draw_heads(
    reward: RewardModel,
    rows: Sequence[PreferenceExample],
    features: Sequence[Tensor],
    config: RewardModelConfig,
    seed: int,
) -> Doubt:
    """``config.drawn_heads`` heads beside the reward model's, on the rows that it was fitted to."""
    standard = [reward.standardise(f) for f in features]
    everything, penalty = torch.cat(standard), reward.facts["penalty"]
    generator = torch.Generator().manual_seed(seed)
    clusters = _clusters(rows)
    names = list(dict.fromkeys(clusters))
    deviation = (penalty * sum(map(_evidence, rows))) ** -0.5  # of the prior that the penalty is
    control = reward.facts["length_control"]

    def fitted(drawn: Tensor, prior: Tensor) -> Tensor:
        worth = dict(zip(names, drawn.tolist(), strict=True))
        weighted = [
            replace(row, weight=row.weight * worth[name])
            for row, name in zip(rows, clusters, strict=True)
        ]
        weight = fit_head(everything, PreferenceBatch.of(weighted), penalty, deviation * prior)
        return without_length(weight, standard) if control else weight

    draws = [
        (
            -torch.rand(len(names), generator=generator).clamp_min(1e-9).log(),
            torch.randn(everything.shape[1], generator=generator),
        )
        for _ in range(config.drawn_heads)
    ]
    weights = parallel.shared(draws, lambda own: [fitted(*each) for each in own])
    return Doubt(torch.stack(weights) / reward.facts["logit_scale"])


def _evidence(row: PreferenceExample) -> float:
    """The independent outcomes in a judgement, which the loss counts as one: K - 1 of K responses
    (a ranking is K - 1 choices, Plackett 1975)."""
    return row.weight * (len(row.responses) - 1)


def _clusters(rows: Sequence[PreferenceExample]) -> list[str]:
    """What each row's judgement is drawn together with: its labeler or its conversation."""
    authors = [row.author for row in rows]
    return authors if len(set(authors)) >= MANY else [row.conversation for row in rows]
