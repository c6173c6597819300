"""Whether a pessimistic held-out score finds the true peak better than the mean score.

Each rule takes the checkpoint of a long PPO run with the largest mean gain minus uncertainty.
Uncertainty is the posterior deviation of a head's weights (Laplace: Kass and Raftery 1995, §4.1)
or the spread of heads fitted to rankings drawn with replacement.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lab.bench import CONFIG, OTHERS, TEST, ToyPolicy, dialogue, golds
from torch import Tensor

from training.compute import compute
from training.model.checkpoint import load_state
from training.reward.features import all_features, trunk_states
from training.reward.head import fit_head
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceBatch, PreferenceExample, preference_examples

HEADS = 16
SAMPLES = 16  # answers per prompt, so that the true peak is more than luck


class Optimised(NamedTuple):
    """A checkpoint: how its responses differ from the first policy's, and their true gain."""

    shift: Tensor  # [D] of the mean standardised features
    gold: float


def shares_of_peak(
    toy_policy: ToyPolicy, reward: RewardModel, rankings: Sequence[dict[str, Any]], grid: Path
) -> dict[str, float]:
    """For each rule, the true gain where it would stop, as a share of the peak's.

    Args: reward: the held-out reward model; rankings: its training data; grid: checkpoints.
    """
    rows, features = _features(toy_policy, reward, rankings)
    path = _path(toy_policy, reward, grid)
    shifts = torch.stack([point.shift for point in path])
    gained = np.array([point.gold for point in path]) - path[0].gold
    chosen = {name: int(scores.argmax()) for name, scores in _rules(reward, rows, features, shifts)}
    return {name: float(gained[i] / gained.max()) for name, i in chosen.items()}


def _rules(
    reward: RewardModel, rows: list[PreferenceExample], features: list[Tensor], shifts: Tensor
) -> list[tuple[str, Tensor]]:
    """Each rule's score of every checkpoint: shifts [C, D] -> [C]."""
    mean = shifts @ reward.weight * reward.facts["logit_scale"]
    covariance = _posterior(reward, rows, torch.cat(features))
    doubt = ((shifts @ covariance) * shifts).sum(1).sqrt()
    heads = shifts @ _bootstrapped(reward, rows, features).T  # [C, HEADS]
    return [
        ("mean", mean),
        ("mean - 1 sd (Laplace)", mean - doubt),
        ("mean - 1.5 sd (Laplace)", mean - 1.5 * doubt),
        ("ensemble, mean", heads.mean(1)),
        ("ensemble, mean - 1 sd", heads.mean(1) - heads.std(1)),
        ("ensemble, minimum", heads.amin(1)),
    ]


def _posterior(reward: RewardModel, rows: list[PreferenceExample], features: Tensor) -> Tensor:
    """Covariance [D, D] of the weights: the inverse of the loss's curvature, times 1 / rankings."""
    outcomes = PreferenceBatch.of(rows)
    apart = features[outcomes.first] - features[outcomes.second]
    p = torch.sigmoid(apart @ reward.weight * reward.facts["logit_scale"])
    weight = outcomes.weight / outcomes.weight.sum() * p * (1 - p)
    curvature = (apart * weight[:, None]).T @ apart
    curvature += reward.facts["penalty"] * torch.eye(len(curvature))
    return torch.linalg.inv(curvature * len(rows))


def _bootstrapped(
    reward: RewardModel, rows: list[PreferenceExample], features: list[Tensor]
) -> Tensor:
    """Weights [HEADS, D] of heads fitted to rankings drawn with replacement."""
    generator, heads = np.random.default_rng(0), []
    for _ in range(HEADS):
        drawn = generator.integers(0, len(rows), len(rows)).tolist()
        outcomes = PreferenceBatch.of([rows[i] for i in drawn])
        some = torch.cat([features[i] for i in drawn])
        heads.append(fit_head(some, outcomes, reward.facts["penalty"]))
    return torch.stack(heads)


def _path(toy_policy: ToyPolicy, reward: RewardModel, grid: Path) -> list[Optimised]:
    """The checkpoints in the order of their updates, beginning with the initial policy."""
    means, values = {}, {}
    for file in grid.glob("*.safetensors"):
        adapter, facts = load_state(file)
        answers = toy_policy.answers(OTHERS, 8, 77, adapter)
        said = [
            {"conversation_id": p, "prompt": dialogue(p), "responses": a, "ranks": [0] * len(a)}
            for p, a in zip(OTHERS, answers, strict=True)
        ]
        update = int(facts["rung"]["update"])
        means[update] = torch.cat(_features(toy_policy, reward, said)[1]).mean(0)
        answered = toy_policy.answers(TEST, SAMPLES, 5, adapter)
        values[update] = float(np.mean(golds(TEST, answered)))
    first = means[min(means)]
    return [Optimised(means[update] - first, values[update]) for update in sorted(means)]


def _features(
    toy_policy: ToyPolicy, reward: RewardModel, rankings: Sequence[dict[str, Any]]
) -> tuple[list[PreferenceExample], list[Tensor]]:
    """Rows, and the standardised features [K, D] of each."""
    with compute(CONFIG):
        rows = preference_examples(toy_policy.tokenizer, rankings, [], 10_000)
        states = [trunk_states(toy_policy.model, row) for row in rows]
        found = all_features(toy_policy.model, toy_policy.model.reference, rows, states)
    return rows, [reward.standardise(features) for features in found]
