"""Validation of a reward model: comparisons of conversations that it has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training import parallel
from training.compute import compute
from training.config import IterationConfig
from training.model.load import load_model
from training.model.tokenizer import ChatTokenizer
from training.reward.features import all_features, all_trunk_states
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceBatch, PreferenceExample, preference_examples
from tutelage.statistics import (
    CalibrationBin,
    Interval,
    bootstrap,
    calibration_bins,
    expected_calibration_error,
)

_BINS = 10  # of a pair's confidence, which lies between one half and one


@dataclass(frozen=True)
class ValidationResult:
    """How a reward model orders unseen comparisons; shares are None where nothing is decided."""

    accuracy: float | None
    length_matched_accuracy: float | None
    longer_wins: float | None  # the accuracy of the rule "longer wins"
    comparisons: int  # decided ones
    chosen: list[float]  # scores, pair by pair
    rejected: list[float]
    by_ranking: Interval | None  # of the accuracy when each ranking counts as one
    reliability: list[CalibrationBin]
    ece: float | None  # expected calibration error


@parallel.together
def validate_reward_model(
    policy_dir: Path,
    reward_dir: Path,
    rankings: Sequence[Mapping[str, Any]],
    config: IterationConfig,
) -> ValidationResult:
    """Accuracy on ``rankings``, that of the rule "longer wins", and the scores behind it."""
    with compute(config), torch.no_grad():
        reward = RewardModel.load(reward_dir)
        model = load_model(policy_dir, config)
        rows = preference_examples(
            ChatTokenizer(policy_dir), rankings, [], config.reward_model.max_tokens
        )
        states = all_trunk_states(model, rows)
        layers = reward.top(model, config.reward_model)
        scores = [reward.score(f) for f in all_features(model, layers, rows, states)]
    lengths = _joined([torch.tensor([float(len(r)) for r in row.responses]) for row in rows])
    batch, every = PreferenceBatch.of(rows), _joined(scores)
    right = batch.right(every)
    bins = calibration_of(reward.facts.get("logit_scale", 1.0) * batch.margins(every))
    return ValidationResult(
        accuracy=_share(right),
        length_matched_accuracy=_share(right[batch.length_matched(lengths)]),
        longer_wins=_share(batch.right(lengths)),
        comparisons=len(right),
        chosen=_rounded(every[batch.winners]),
        rejected=_rounded(every[batch.losers]),
        by_ranking=_by_ranking(rows, scores, config),
        reliability=bins,
        ece=expected_calibration_error(bins),
    )


def rejection_reason(validation: ValidationResult, least: float) -> str | None:
    """Why PPO should not optimise against this reward model, in a sentence; None where it may.

    The lower confidence bound of its accuracy on unseen rankings must exceed ``least``: PPO against
    a noisy reward model drifts in an arbitrary direction. Below zero, ``least`` accepts any model.
    """
    found = validation.by_ranking
    if least < 0 or (found and found.low > least):
        return None
    accuracy = found.share() if found else "none (no decided ranking)"
    return (
        f"PPO was skipped: on unseen rankings the reward model's pairwise accuracy is {accuracy}; "
        f"the lower bound must exceed {least:.0%}. More rankings are needed."
    )


def calibration_of(margins: torch.Tensor) -> list[CalibrationBin]:
    """Accuracy by confidence: margins [M] of winner over loser, in log-odds."""
    confidence, correct = torch.sigmoid(margins.abs()), (margins > 0).float()
    return calibration_bins(confidence.tolist(), correct.tolist(), _BINS, lowest=0.5)


def _by_ranking(
    rows: Sequence[PreferenceExample], scores: Sequence[torch.Tensor], config: IterationConfig
) -> Interval | None:
    shares = [_share(PreferenceBatch.of([r]).right(s)) for r, s in zip(rows, scores, strict=True)]
    decided = [share for share in shares if share is not None]
    if not decided:
        return None
    return bootstrap(decided, config.evaluation.resamples, config.seed)


def _rounded(scores: torch.Tensor) -> list[float]:
    return [round(float(score), 3) for score in scores]


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(parts) if parts else torch.zeros(0)


def _share(right: torch.Tensor) -> float | None:
    return float(right.mean()) if len(right) else None
