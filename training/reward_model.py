"""The reward model: a score for a response, learned from rankings, thumbs and edits.

A linear head on what the SFT policy's own last layer makes of a response: the mean over its tokens,
its last token, and its length. Those features are computed once; the head is fitted in a second.
Where there is enough feedback, LoRA adapters below the head are tried as well and taken if they
order comparisons that they have not seen better by more than noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoint import load_state, save_state
from training.comparisons import Judged, Outcomes, Row, folds_of, judged_rows
from training.config import IterationConfig, RewardModelConfig
from training.models import (
    SplitModel,
    compute,
    load_adapter,
    pad,
    share_prefix,
)
from training.progress import Progress
from training.tokenization import ChatTokenizer
from tutelage.errors import Invalid
from tutelage.policies import sha256_of

FILE = "reward_model.safetensors"
States = tuple[Tensor, Tensor]  # at the split: of the prompt [1, P, H], of the responses [K, T, H]


@dataclass(frozen=True)
class RewardModel:
    """score = ((features - center) / spread) . weight + bias, in standard deviations.

    Zero and one are the mean and the standard deviation of the answers it was trained on.
    """

    center: Tensor  # [D], D = 2 H + 1
    spread: Tensor  # [D]
    weight: Tensor  # [D]
    bias: Tensor  # []
    low: Tensor  # [D] the range of the judged answers' features:
    high: Tensor  # [D] beyond it nobody judged anything, so no more is promised
    adapter: dict[str, Tensor]  # LoRA of the top that makes the features; empty: the policy's own
    facts: dict[str, Any]  # metrics, and the sha256 of the policy that makes the features

    def score(self, features: Tensor) -> Tensor:
        """Features [..., D] -> scores [...]."""
        return self.standardise(features) @ self.weight + self.bias

    def standardise(self, features: Tensor) -> Tensor:
        """Features [..., D] -> [..., D], what ``weight`` multiplies."""
        inside = torch.minimum(torch.maximum(features, self.low), self.high)
        return (inside - self.center) / self.spread

    def top(self, model: SplitModel, config: RewardModelConfig) -> nn.ModuleList:
        """The layers whose final hidden states are this model's features."""
        if not self.adapter:
            return model.reference
        adapted = model.adapted(config.lora_rank, config.lora_alpha, 0)
        load_adapter(adapted, self.adapter)
        return adapted

    def save(self, directory: Path) -> None:
        """Writes the model as one safetensors file."""
        directory.mkdir(parents=True, exist_ok=True)
        own = {name: getattr(self, name) for name in _TENSORS}
        lora = {f"adapter.{name}": tensor for name, tensor in self.adapter.items()}
        save_state(directory / FILE, own | lora, self.facts)

    @classmethod
    def load(cls, directory: Path) -> "RewardModel":
        """Reads what ``save`` wrote."""
        tensors, facts = load_state(directory / FILE)
        lora = {k.removeprefix("adapter."): v for k, v in tensors.items() if "." in k}
        return cls(**{name: tensors[name] for name in _TENSORS}, adapter=lora, facts=facts)


_TENSORS = ("center", "spread", "weight", "bias", "low", "high")


def prefix_features(final: Tensor, prompt: int) -> Tensor:
    """Features of a response after 0, 1, ... n of its tokens; the last row is the response's own.

    The mean of the final hidden states over the tokens so far, the last one, and their number; with
    no token yet, the prompt's last state stands in. What scores a whole response therefore also
    values each of its prefixes.

    Args: final [P + n, H]; prompt P. Returns: [n + 1, 2 H + 1].
    """
    before, tokens = final[prompt - 1 : prompt], final[prompt:]
    count = torch.arange(1, len(tokens) + 1, device=final.device, dtype=final.dtype).unsqueeze(1)
    means = torch.cat((before, tokens.cumsum(0) / count))
    lengths = torch.cat((count.new_zeros(1, 1), count))
    return torch.cat((means, torch.cat((before, tokens)), lengths), 1)


def train_reward_model(
    policy_dir: Path,
    rankings: Sequence[Row],
    thumbs: Sequence[Row],
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Fits a reward model on the features of the policy in ``policy_dir`` and saves it.

    The rows are those of ``comparisons.judged_rows``. Returns the metrics, which the saved model
    also keeps as its ``facts``: cross-validated accuracy beside "longer wins", counts, seconds.

    Raises: Invalid: the rows compare nothing.
    """
    with compute(config):
        tokenizer = ChatTokenizer(policy_dir)
        rows = judged_rows(tokenizer, rankings, thumbs, config.reward_model.max_tokens)
        if not rows:
            raise Invalid("There is nothing to compare: no ranking, edit or thumb.", "rankings")
        model = SplitModel.load(policy_dir, config)
        reward_model = _train(model, rows, config, progress)
        made_by = {"policy": sha256_of(policy_dir / "model.safetensors")}
        facts = reward_model.facts | made_by
        replace(reward_model, facts=facts).save(out_dir)
        return facts


def _train(
    model: SplitModel, rows: list[Judged], config: IterationConfig, progress: Progress
) -> RewardModel:
    states = []
    for i, row in enumerate(rows):
        states.append(trunk_states(model, row))
        progress("reward_model", i + 1, len(rows), {})
    features = all_features(model, model.reference, rows, states)
    head = fit(rows, features, config.reward_model)
    if not _worth_lora(rows, config.reward_model):
        return head
    from training.reward_adapter import try_lora  # needed here alone, and it needs this module

    return try_lora(model, rows, states, features, head, config)


def _worth_lora(rows: list[Judged], config: RewardModelConfig) -> bool:
    comparisons = sum(len(row.pairs) for row in rows)
    return config.kind == "lora" or (config.kind == "auto" and comparisons >= config.lora_minimum)


@torch.no_grad()
def trunk_states(model: SplitModel, row: Judged) -> States:
    """Hidden states at the split of one row; computed once, whatever is trained on them."""
    responses = pad(row.responses).to(model.device)
    return share_prefix(model.trunk, row.prompt[None].to(model.device), responses)


def features_of(model: SplitModel, layers: nn.ModuleList, row: Judged, states: States) -> Tensor:
    """Features [K, D] of a row's responses; the prompt is computed once for all."""
    prompt, responses = share_prefix(partial(model.top, layers), *states)
    finals = [final[: len(ids)] for final, ids in zip(responses, row.responses, strict=True)]
    return torch.stack(
        [prefix_features(torch.cat((prompt[0], f)), prompt.shape[1])[-1] for f in finals]
    )


@torch.no_grad()
def all_features(
    model: SplitModel, layers: nn.ModuleList, rows: list[Judged], states: list[States]
) -> list[Tensor]:
    """Features [K, D] of each row, on the CPU, where heads are fitted."""
    return [
        features_of(model, layers, row, state).cpu()
        for row, state in zip(rows, states, strict=True)
    ]


def fit(rows: list[Judged], features: list[Tensor], config: RewardModelConfig) -> RewardModel:
    """The head: L2 chosen by cross-validation, fitted on all rows, normalised on their answers."""
    everything = torch.cat(features)
    center, spread = everything.mean(0), _spread(features)
    standard = [(f - center) / spread for f in features]
    penalty, facts = _choose_penalty(rows, standard, config)
    weight = fit_head(torch.cat(standard), Outcomes.of(rows), penalty, config.thumbs_weight)
    low, high = torch.quantile(everything, torch.tensor([0.01, 0.99]), dim=0)
    head = RewardModel(center, spread, weight, torch.zeros(()), low, high, {}, facts)
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


def score_rows(
    policy_dir: Path, reward_model: RewardModel, rankings: Sequence[Row], config: IterationConfig
) -> list[list[float]]:
    """Scores of each ranking's responses, whoever ranked them.

    Raises: Invalid: the reward model was trained on another policy's features.
    """
    check_policy(reward_model, policy_dir)
    with compute(config), torch.no_grad():
        tokenizer, model = ChatTokenizer(policy_dir), SplitModel.load(policy_dir, config)
        layers = reward_model.top(model, config.reward_model)
        rows = judged_rows(tokenizer, rankings, [], 1 << 30)
        return [
            reward_model.score(
                features_of(model, layers, row, trunk_states(model, row)).cpu()
            ).tolist()
            for row in rows
        ]


def check_policy(reward_model: RewardModel, policy_dir: Path) -> None:
    """Raises Invalid unless the reward model reads this policy's features."""
    if reward_model.facts["policy"] != sha256_of(policy_dir / "model.safetensors"):
        raise Invalid(
            f"The reward model was not trained on {policy_dir}. Train it again on that policy.",
            "reward_dir",
        )
