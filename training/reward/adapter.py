"""LoRA below the reward model's head: tried where feedback is plenty, kept only if it wins.

Both are fitted on the same conversations and order the comparisons of others. Adapters start from
the fitted head, so they start exactly as good.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from training import parallel
from training.config import IterationConfig
from training.model.lora import adapter_state
from training.model.split_model import SplitModel
from training.reward.features import States, all_features, features_of, tokens_of
from training.reward.head import fit, normalised
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceBatch, PreferenceExample, folds_of

BATCH = 8  # rankings per optimiser step


def try_lora(
    model: SplitModel,
    rows: list[PreferenceExample],
    states: list[States],
    features: list[Tensor],
    config: IterationConfig,
) -> RewardModel:
    """The head on all rows, or a LoRA model on all rows if one on most of them beat the head.

    The one fold that neither sees decides: LoRA must be right more often by two standard errors,
    unless the settings ask for it whatever comes out.
    """
    settings = config.reward_model
    folds = folds_of(rows, settings.folds)
    seen = [i for i, fold in enumerate(folds) if fold]
    unseen = [i for i, fold in enumerate(folds) if not fold and not rows[i].implied]
    head = fit([rows[i] for i in seen], [features[i] for i in seen], settings)
    tuned = _train(model, [rows[i] for i in seen], [states[i] for i in seen], head, config)
    gain = _right(model, tuned, rows, states, unseen, config) - _right(
        model, head, rows, states, unseen, config
    )
    noise = gain.std() / len(gain) ** 0.5
    facts = {"lora/gain": float(gain.mean()), "lora/noise": float(noise)}
    best = fit(rows, features, settings)
    if parallel.agreed(settings.kind == "lora" or bool(gain.mean() > 2 * noise)):
        best = _train(model, rows, states, best, config)
    return replace(best, facts=best.facts | facts | {"lora/kept": bool(best.adapter)})


def _right(
    model: SplitModel,
    reward_model: RewardModel,
    rows: list[PreferenceExample],
    states: list[States],
    chosen: list[int],
    config: IterationConfig,
) -> Tensor:
    layers = reward_model.top(model, config.reward_model)
    picked = [rows[i] for i in chosen]
    features = all_features(model, layers, picked, [states[i] for i in chosen])
    return PreferenceBatch.of(picked).right(reward_model.score(torch.cat(features)))


def _train(
    model: SplitModel,
    rows: list[PreferenceExample],
    states: list[States],
    head: RewardModel,
    config: IterationConfig,
) -> RewardModel:
    """A few epochs over adapters and head together; normalised anew on the same answers."""
    settings = config.reward_model
    layers = model.adapted(settings.lora_rank, settings.lora_alpha, config.seed)
    weight = nn.Parameter(head.weight * head.facts["logit_scale"])
    adapter = [p for p in layers.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(
        [{"params": adapter, "lr": settings.lora_learning_rate}, {"params": [weight], "lr": 1e-4}]
    )
    generator = torch.Generator().manual_seed(config.seed)
    for _ in range(settings.lora_epochs):
        for batch in torch.randperm(len(rows), generator=generator).split(BATCH):
            optimiser.zero_grad()
            order = batch.tolist()
            for i in (order[k] for k in parallel.share([tokens_of(rows[i]) for i in order])):
                current = replace(head, weight=weight)
                features = features_of(model, layers, rows[i], states[i]).cpu()
                scores = current.score(features)
                loss = PreferenceBatch.of([rows[i]]).loss(scores)
                (loss / len(batch)).backward()
            parallel.sum_gradients([*adapter, weight])
            optimiser.step()
    tuned = replace(head, weight=weight.detach(), adapter=adapter_state(layers))
    return normalised(tuned, torch.cat(all_features(model, layers, rows, states)))
