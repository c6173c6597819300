"""The examination of a reward model: comparisons of conversations that it has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.compute import compute
from training.config import IterationConfig
from training.model.load import load_model
from training.model.tokenizer import ChatTokenizer
from training.reward.features import all_features, trunk_states
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceBatch, preference_examples
from tutelage.statistics import bootstrap, calibration_bins, expected_calibration_error

_BINS = 10  # of a pair's confidence, which lies between one half and one


def validate_reward_model(
    policy_dir: Path,
    reward_dir: Path,
    rankings: Sequence[Mapping[str, Any]],
    config: IterationConfig,
) -> dict[str, Any]:
    """Accuracy on ``rankings`` beside that of "longer wins", and the scores behind it.

    Returns: {"accuracy", "by_ranking", "length_matched_accuracy", "longer_wins", "comparisons",
    "chosen": [score], "rejected": [score], "reliability": [{"confidence", "accuracy", "count"}],
    "ece"}.
    "by_ranking" is the interval of the accuracy when each ranking counts as one; chosen and
    rejected go pair by pair. Shares are None where nothing is decided.
    """
    with compute(config), torch.no_grad():
        reward = RewardModel.load(reward_dir)
        model = load_model(policy_dir, config)
        rows = preference_examples(
            ChatTokenizer(policy_dir), rankings, [], config.reward_model.max_tokens
        )
        states = [trunk_states(model, row) for row in rows]
        layers = reward.top(model, config.reward_model)
        scores = [reward.score(f) for f in all_features(model, layers, rows, states)]
    lengths = [torch.tensor([float(len(r)) for r in row.responses]) for row in rows]
    facts = _accuracy(PreferenceBatch.of(rows), _joined(scores), _joined(lengths))
    shares = [
        _share(PreferenceBatch.of([row]).right(s)) for row, s in zip(rows, scores, strict=True)
    ]
    decided = [share for share in shares if share is not None]
    by_ranking = bootstrap(decided, config.evaluation.resamples, config.seed) if decided else None
    margins = reward.facts.get("logit_scale", 1.0) * PreferenceBatch.of(rows).margins(
        _joined(scores)
    )
    return facts | {"by_ranking": asdict(by_ranking) if by_ranking else None} | calibration(margins)


def rejection_reason(examination: Mapping[str, Any], least: float) -> str | None:
    """Why PPO should not climb this reward model, in a sentence; nothing where it may.

    Its accuracy on unseen comparisons must exceed ``least`` beyond chance: whoever climbs noise
    ends up somewhere, and nowhere that anyone asked for.
    """
    found = examination["by_ranking"]
    if least < 0 or (found and found["low"] > least):
        return None
    share = f"{found['mean']:.0%} [{found['low']:.0%}, {found['high']:.0%}]" if found else "none"
    return (
        f"The reward model orders {share} of the pairs in unseen rankings as people do, which is "
        f"not clearly more than {least:.0%}: PPO would climb noise. More rankings are needed."
    )


def calibration(margins: torch.Tensor) -> dict[str, Any]:
    """Whether it is right as often as it says: margins [M] of winner over loser, in log-odds.

    The expected calibration error over ten bins of its confidence (Guo et al. 2017, eq. 3), which
    for a pair lies between one half and one.
    """
    confidence, correct = torch.sigmoid(margins.abs()), (margins > 0).float()
    bins = calibration_bins(confidence.tolist(), correct.tolist(), _BINS, lowest=0.5)
    return {
        "reliability": [asdict(each) for each in bins],
        "ece": expected_calibration_error(bins),
    }


def _accuracy(
    outcomes: PreferenceBatch, scores: torch.Tensor, lengths: torch.Tensor
) -> dict[str, Any]:
    """Scores and lengths [N] of the responses, laid end to end."""
    won = outcomes.preference > 0.5
    decided = outcomes.preference != 0.5
    chosen = torch.where(won, outcomes.first, outcomes.second)[decided]
    rejected = torch.where(won, outcomes.second, outcomes.first)[decided]
    return {
        "accuracy": _share(outcomes.right(scores)),
        "length_matched_accuracy": _share(outcomes.right(scores)[outcomes.length_matched(lengths)]),
        "longer_wins": _share(outcomes.right(lengths)),
        "comparisons": len(chosen),
        "chosen": [round(float(x), 3) for x in scores[chosen]],
        "rejected": [round(float(x), 3) for x in scores[rejected]],
    }


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(parts) if parts else torch.zeros(0)


def _share(right: torch.Tensor) -> float | None:
    return float(right.mean()) if len(right) else None
