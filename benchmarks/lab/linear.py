"""Candidates of known quality for the gate in seconds: responses are points, policies shift them.

What people prefer is one direction w of 48 features. A candidate shifts the first policy's
responses by four deviations along a random unit vector u, and truly gains 4 (w . u) deviations; of
the eight candidates of a run the one with the highest held-out score is the product's choice. The
held-out model, which judges at the gate, is fitted to 60 rankings of four by labelers who agree on
73 % of pairs. So its only errors are those of few and noisy judgements, which the drawn heads are
to count; that it cannot see at all what goes wrong far from the judged responses is for the toy
environment to show. Reward model, drawn heads, comparison and gate are the product's; the responses
have no text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from lab.candidates import KnownCandidate
from lab.people import AGREEMENT, noise_for
from torch import Tensor

from training.config import EvaluationConfig, IterationConfig, RewardModelConfig
from training.evaluation.metrics import EvaluatedResponse, compare
from training.reward.doubt import draw_heads
from training.reward.head import fit
from training.reward.preferences import PreferenceExample

WIDTH, TOKENS = 48, 20.0
RANKINGS, CANDIDATES, SHIFT = 60, 8, 4.0
PROMPTS, SAMPLES = 40, 2
CONFIG = IterationConfig(
    reward_model=RewardModelConfig(folds=3, reads="both", length_control="off", drawn_heads=64),
    evaluation=EvaluationConfig(prompts=PROMPTS, samples=SAMPLES),
)


@dataclass(frozen=True)
class _People:
    """Labelers who see what is true, each time with an error."""

    direction: Tensor  # [WIDTH], of length 1
    noise: float

    def rankings(self, count: int, generator: torch.Generator) -> tuple[list[Any], list[Tensor]]:
        """``count`` rankings of four responses of the first policy, and their features."""
        rows, features = [], []
        tokens = [torch.ones(int(TOKENS), dtype=torch.long)] * 4
        for number in range(count):
            points = torch.randn(WIDTH, generator=generator) + _points(4, generator)
            seen = points @ self.direction + self.noise * torch.randn(4, generator=generator)
            pairs = [(i, j, float(seen[i] > seen[j])) for i in range(4) for j in range(i)]
            rows.append(PreferenceExample(str(number), tokens[0], tokens, pairs, 1.0))
            features.append(_with_length(points))
        return rows, features


def candidates(seed: int) -> Iterator[KnownCandidate]:
    """The candidates of one run."""
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(WIDTH, generator=generator)
    people = _People(direction / direction.norm(), _noise())
    held_out = people.rankings(RANKINGS, generator)
    reward = fit(*held_out, CONFIG.reward_model)
    doubt = draw_heads(reward, *held_out, CONFIG.reward_model, seed)
    prompts = torch.randn(PROMPTS, WIDTH, generator=generator).repeat_interleave(SAMPLES, 0)
    luck = _points(len(prompts), generator)

    def responses(shift: Tensor) -> list[EvaluatedResponse]:
        own = 0.5 * _points(len(prompts), generator)
        features = _with_length(prompts + luck + own + shift)
        scores, draws = reward.score(features), doubt.scores(reward, features)
        return [
            EvaluatedResponse(f"{i}", float(score), True, False, 1.0, 1, tuple(drawn.tolist()))
            for i, (score, drawn) in enumerate(zip(scores, draws, strict=True))
        ]

    first = responses(torch.zeros(WIDTH))
    vectors = torch.randn(CANDIDATES, WIDTH, generator=generator)
    shifts = SHIFT * vectors / vectors.norm(dim=1, keepdim=True)
    found = [responses(shift) for shift in shifts]
    best = max(range(CANDIDATES), key=lambda i: sum(each.score for each in found[i]))
    for number, (shift, each) in enumerate(zip(shifts, found, strict=True)):
        yield KnownCandidate(
            seed, number, number == best, float(people.direction @ shift),
            compare(first, each, CONFIG),
            compare(_without_draws(first), _without_draws(each), CONFIG),
        )  # fmt: skip


def _noise() -> float:
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)).tolist()
    return noise_for(AGREEMENT, list(zip(values[::2], values[1::2], strict=True)))


def _points(count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, WIDTH, generator=generator)


def _with_length(points: Tensor) -> Tensor:
    return torch.cat((points, torch.full((len(points), 1), TOKENS)), 1)


def _without_draws(responses: list[EvaluatedResponse]) -> list[EvaluatedResponse]:
    return [replace(response, draws=()) for response in responses]
