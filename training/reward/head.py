"""The reward model's head: a linear score fitted to rankings, edits and thumbs.

Convex, so it is solved, not trained: under a second for hundreds of rankings. How much its weights
are held back (L2) is chosen by cross-validation over conversations.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from training import parallel
from training.config import RewardModelConfig
from training.reward.model import FLAGS, PARTS, RewardModel
from training.reward.preferences import PreferenceBatch, PreferenceExample, folds_of

READS = ("final", "both")  # states: of the last layer; at the split as well


def fit(
    rows: list[PreferenceExample], features: list[Tensor], config: RewardModelConfig
) -> RewardModel:
    """The head: L2, and what is read, chosen by cross-validation; fitted on all rows."""
    candidates = READS if config.reads == "auto" else (config.reads,)
    heads = [_fit_reading(states, rows, features, config) for states in candidates]
    return min(heads, key=lambda head: head.facts["loss"])


def _fit_reading(
    states: str, rows: list[PreferenceExample], features: list[Tensor], config: RewardModelConfig
) -> RewardModel:
    """A head on some of the states, normalised on the answers that it was fitted to."""
    everything = torch.cat(features)
    low, high = torch.quantile(everything, torch.tensor([0.01, 0.99]), dim=0)
    flat, nothing = torch.zeros(everything.shape[1]), torch.zeros(())
    spread = _spread(features).masked_fill(~_read(states, everything.shape[1]), torch.inf)
    blank = RewardModel(everything.mean(0), spread, flat, nothing, low, high, {}, {})
    standard = [blank.standardise(f) for f in features]
    penalty, control, facts = _choose(rows, standard, config)
    weight = _fit(rows, standard, penalty, control)
    head = replace(blank, weight=weight, facts=facts | {"reads": states})
    return normalised(head, everything)


def normalised(head: RewardModel, features: Tensor) -> RewardModel:
    """The same model with scores of mean 0 and standard deviation 1 on ``features`` [N, D].

    The fact "logit_scale" times a difference of scores is what the fit says are the log-odds.
    """
    scores = head.score(features)
    scale = scores.std(correction=0).clamp_min(1e-6)
    bias, facts = (head.bias - scores.mean()) / scale, head.facts | {"logit_scale": float(scale)}
    return replace(head, weight=head.weight / scale, bias=bias, facts=facts)


def _read(states: str, width: int) -> Tensor:
    """Which of ``width`` features are of these states; the flags, the last, always are."""
    chosen = torch.tensor([states == "both" or part.startswith(states) for part in PARTS])
    return torch.cat(
        (chosen.repeat_interleave(width // len(PARTS)), torch.tensor([True] * len(FLAGS)))
    )


def _spread(features: list[Tensor]) -> Tensor:
    """Standard deviation [D] among responses to one prompt: what comparisons are about."""
    several = [f - f.mean(0) for f in features if len(f) > 1]
    deviations = torch.cat(several or [torch.cat(features) - torch.cat(features).mean(0)])
    return deviations.square().mean(0).sqrt().clamp_min(1e-4)


def fit_head(
    features: Tensor, outcomes: PreferenceBatch, penalty: float, prior: Tensor | None = None
) -> Tensor:
    """Weights [D] of least loss plus penalty/2 |w - prior|^2 for standardised features [N, D]."""
    center = torch.zeros(features.shape[1]) if prior is None else prior
    weight = center.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = outcomes.loss(features @ weight)
        loss = loss + 0.5 * penalty * (weight - center).square().sum()
        loss.backward()
        return loss.detach()

    optimiser.step(closure)
    return weight.detach()


class CrossValidation(NamedTuple):
    """What a head says of comparisons in conversations that it has not seen, M of them decided."""

    loss: float
    right: Tensor  # [M] 1 where the winner scores higher, 0.5 where equal, else 0
    longer: Tensor  # [M] the same for the rule "longer wins"
    matched: Tensor  # [M] true where both responses are about as long

    def facts(self) -> dict[str, Any]:
        """The measures that people are shown; "shorter wins" is the complement of "longer wins"."""
        return {
            "loss": self.loss,
            "accuracy": _share(self.right),
            "length_matched_accuracy": _share(self.right[self.matched]),
            "longer_wins": _share(self.longer),
            "shorter_wins": 1 - _share(self.longer),
            "comparisons": len(self.right),
            "length_matched": int(self.matched.sum()),
        }


def _choose(
    rows: list[PreferenceExample], standard: list[Tensor], config: RewardModelConfig
) -> tuple[float, bool, dict[str, Any]]:
    """The penalty of least cross-validated loss, whether to control length, and what that shows.

    "auto" controls length where that orders pairs of like length clearly better: there length
    itself decides nothing, so whatever is gained had been drowned by it.
    """
    trials = {p: cross_validate(rows, standard, p, config, False) for p in config.penalties}
    penalty = min(trials, key=lambda p: trials[p].loss)
    plain = trials[penalty]
    controlled = cross_validate(rows, standard, penalty, config, True)
    gain = (controlled.right - plain.right)[plain.matched]
    better = len(gain) > 1 and bool(gain.mean() > 2 * gain.std() / len(gain) ** 0.5)
    control = better if config.length_control == "auto" else config.length_control == "on"
    implied = sum(row.implied for row in rows)
    counts = {
        "rankings": sum(not row.thumbs for row in rows) - implied,
        "thumbs": sum(row.thumbs for row in rows),
        **({"signals": implied} if implied else {}),
        "penalty": penalty,
        "length_control": control,
    }
    return penalty, control, (controlled if control else plain).facts() | counts


def cross_validate(
    rows: list[PreferenceExample],
    standard: list[Tensor],
    penalty: float,
    config: RewardModelConfig,
    control: bool,
) -> CrossValidation:
    """Fits on all conversations but a fold's and looks at what people said in that fold's, for each
    fold in which they said something."""
    folds = folds_of(rows, min(config.folds, len({row.conversation for row in rows})))
    judged = [i for i, row in enumerate(rows) if not row.implied]

    def one(fold: int) -> tuple[float, tuple[Tensor, Tensor, Tensor]]:
        seen = [i for i, f in enumerate(folds) if f != fold] or list(range(len(rows)))
        unseen = [i for i in judged if folds[i] == fold]
        weight = _fit([rows[i] for i in seen], [standard[i] for i in seen], penalty, control)
        outcomes = PreferenceBatch.of([rows[i] for i in unseen])
        features = torch.cat([standard[i] for i in unseen])
        lengths = torch.tensor([float(len(r)) for i in unseen for r in rows[i].responses])
        loss = outcomes.loss(features @ weight)
        return len(unseen) * float(loss), (
            outcomes.right(features @ weight),
            outcomes.right(lengths),
            outcomes.length_matched(lengths),
        )

    found = parallel.shared(
        sorted({folds[i] for i in judged}), lambda own: [one(fold) for fold in own]
    )
    losses, parts = zip(*found, strict=True)
    right, longer, matched = (torch.cat(column) for column in zip(*parts, strict=True))
    return CrossValidation(sum(losses) / len(judged), right, longer, matched)


def _fit(
    rows: list[PreferenceExample],
    standard: list[Tensor],
    penalty: float,
    control: bool,
) -> Tensor:
    """Weights [D] for standardised features, length controlled if so asked."""
    weight = fit_head(torch.cat(standard), PreferenceBatch.of(rows), penalty)
    return without_length(weight, standard) if control else weight


def without_length(weight: Tensor, standard: list[Tensor]) -> Tensor:
    """Changes the weight of length, the last feature, so that among responses to one prompt the
    score no longer goes with length (the residual of its regression on length)."""
    centred = torch.cat([f - f.mean(0) for f in standard])
    length = centred[:, -1]
    slope = (length @ (centred @ weight)) / length.square().sum().clamp_min(1e-6)
    return torch.cat((weight[:-1], weight[-1:] - slope))


def _share(right: Tensor) -> float:
    return float(right.mean()) if len(right) else 0.5
