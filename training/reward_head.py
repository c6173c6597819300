"""The reward model's head: a linear score fitted to rankings, edits and thumbs.

Convex, so it is solved, not trained: under a second for hundreds of rankings. How much its weights
are held back (L2) is chosen by cross-validation over conversations.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from training.comparisons import Judged, Outcomes, folds_of
from training.config import RewardModelConfig
from training.scoring import RewardModel


def fit(rows: list[Judged], features: list[Tensor], config: RewardModelConfig) -> RewardModel:
    """The head: L2 chosen by cross-validation, fitted on all rows, normalised on their answers."""
    everything = torch.cat(features)
    low, high = torch.quantile(everything, torch.tensor([0.01, 0.99]), dim=0)
    flat, nothing = torch.zeros(everything.shape[1]), torch.zeros(())
    blank = RewardModel(everything.mean(0), _spread(features), flat, nothing, low, high, {}, {})
    standard = [blank.standardise(f) for f in features]
    penalty, facts = _choose_penalty(rows, standard, config)
    weight = fit_head(torch.cat(standard), Outcomes.of(rows), penalty, config.thumbs_weight)
    head = replace(blank, weight=weight, facts=facts)
    return normalised(head, everything)


def normalised(head: RewardModel, features: Tensor) -> RewardModel:
    """The same model with scores of mean 0 and standard deviation 1 on ``features`` [N, D]."""
    scores = head.score(features)
    scale = scores.std(correction=0).clamp_min(1e-6)
    return replace(head, weight=head.weight / scale, bias=(head.bias - scores.mean()) / scale)


def _spread(features: list[Tensor]) -> Tensor:
    """Standard deviation [D] among responses to one prompt: what comparisons are about."""
    several = [f - f.mean(0) for f in features if len(f) > 1]
    deviations = torch.cat(several or [torch.cat(features) - torch.cat(features).mean(0)])
    return deviations.square().mean(0).sqrt().clamp_min(1e-4)


def fit_head(features: Tensor, outcomes: Outcomes, penalty: float, thumbs_weight: float) -> Tensor:
    """Weights [D] of least loss plus penalty/2 |w|^2 for standardised features [N, D]."""
    weight = torch.zeros(features.shape[1], requires_grad=True)
    thumb_bias = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, thumb_bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = outcomes.loss(features @ weight, thumb_bias, thumbs_weight)
        loss = loss + 0.5 * penalty * weight.square().sum()
        loss.backward()
        return loss.detach()

    optimiser.step(closure)
    return weight.detach()


def _choose_penalty(
    rows: list[Judged], standard: list[Tensor], config: RewardModelConfig
) -> tuple[float, dict[str, Any]]:
    """The penalty of least cross-validated loss, and what that says about unseen comparisons."""
    trials = [
        (penalty, cross_validate(rows, standard, penalty, config)) for penalty in config.penalties
    ]
    penalty, facts = min(trials, key=lambda trial: trial[1]["loss"])
    return penalty, facts | {"penalty": penalty}


def cross_validate(
    rows: list[Judged], standard: list[Tensor], penalty: float, config: RewardModelConfig
) -> dict[str, Any]:
    """Loss and accuracy on comparisons of conversations that the head has not seen.

    "longer_wins" is the accuracy of that rule on the same comparisons; "shorter_wins" is its
    complement.
    """
    folds = folds_of(rows, min(config.folds, len({row.conversation for row in rows})))
    losses, right, longer = [], [], []
    for fold in sorted(set(folds)):
        seen = [i for i, f in enumerate(folds) if f != fold] or list(range(len(rows)))
        unseen = [i for i, f in enumerate(folds) if f == fold]
        weight = fit_head(
            torch.cat([standard[i] for i in seen]),
            Outcomes.of([rows[i] for i in seen]), penalty, config.thumbs_weight,
        )  # fmt: skip
        outcomes, features = (
            Outcomes.of([rows[i] for i in unseen]),
            torch.cat([standard[i] for i in unseen]),
        )
        losses.append(
            len(unseen) * outcomes.loss(features @ weight, torch.zeros(()), config.thumbs_weight)
        )
        right.append(outcomes.right(features @ weight))
        longer.append(outcomes.right(features[:, -1]))
    decided = torch.cat(right)
    return {
        "loss": float(torch.stack(losses).sum()) / len(rows),
        "accuracy": _share(decided),
        "longer_wins": _share(torch.cat(longer)),
        "shorter_wins": 1 - _share(torch.cat(longer)),
        "comparisons": len(decided),
        "rankings": sum(row.thumb is None for row in rows),
        "thumbs": sum(row.thumb is not None for row in rows),
    }


def _share(right: Tensor) -> float:
    return float(right.mean()) if len(right) else 0.5
