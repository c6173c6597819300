"""The reward model stage: learns a score for a response from rankings, thumbs and edits.

A linear head on features that are computed once. Where there is enough feedback, LoRA adapters
below the head are tried as well, and taken if they order comparisons that they have not seen better
by more than noise (InstructGPT §3.5, step 2, with a frozen trunk).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training import parallel
from training.compute import compute
from training.config import IterationConfig, RewardModelConfig
from training.model.load import load_model
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer
from training.progress import Progress
from training.reward.adapter import try_lora
from training.reward.doubt import Doubt, draw_heads
from training.reward.ensemble import Ensemble, fit_ensemble
from training.reward.features import all_features, all_trunk_states
from training.reward.head import fit
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceExample, Row, preference_examples
from tutelage.errors import Invalid
from tutelage.policies.library import weights_sha256


@parallel.together
def train_reward_model(
    policy_dir: Path,
    rankings: Sequence[Row],
    thumbs: Sequence[Row],
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
    signals: Sequence[Row] = (),
) -> dict[str, Any]:
    """Fits a reward model on the features of the policy in ``policy_dir`` and saves it.

    ``signals`` are rankings that signals imply: they are learned from and never measured with. The
    rows are those of ``preference_examples``. Returns the metrics, which the saved model also
    keeps as its ``facts``: cross-validated accuracy, that of "longer wins", and counts.

    Raises: Invalid: the rows compare nothing.
    """
    with compute(config):
        tokenizer = ChatTokenizer(policy_dir)
        settings = config.reward_model
        rows = preference_examples(
            tokenizer, rankings, thumbs, settings.max_tokens, settings.thumbs_weight, signals
        )
        if all(row.implied for row in rows):
            raise Invalid(
                "There is nothing to compare: no ranking, no edit, and no prompt with both a liked "
                "and a disliked response.",
                "rankings",
            )
        model = load_model(policy_dir, config)
        reward_model, ensemble, doubt = _train(model, rows, config, progress)
        made_by = {"policy": weights_sha256(policy_dir)}
        facts = reward_model.facts | made_by
        replace(reward_model, facts=facts).save(out_dir)
        ensemble.save(out_dir)
        doubt.save(out_dir)
        return facts


def _train(
    model: SplitModel, rows: list[PreferenceExample], config: IterationConfig, progress: Progress
) -> tuple[RewardModel, Ensemble, Doubt]:
    states = all_trunk_states(model, rows, progress)
    features = all_features(model, model.reference, rows, states)
    if _worth_lora(rows, config.reward_model):
        chosen = try_lora(model, rows, states, features, config)
    else:
        chosen = fit(rows, features, config.reward_model)
    settings = config.reward_model
    ensemble = fit_ensemble(chosen, rows, features, settings, config.seed)
    if chosen.adapter:
        features = all_features(model, chosen.top(model, settings), rows, states)
    return chosen, ensemble, draw_heads(chosen, rows, features, settings, config.seed)


def _worth_lora(rows: list[PreferenceExample], config: RewardModelConfig) -> bool:
    comparisons = sum(len(row.pairs) for row in rows if not row.implied)
    return config.kind == "lora" or (config.kind == "auto" and comparisons >= config.lora_minimum)
