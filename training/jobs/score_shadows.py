"""Scores shadow responses and the responses that were shown, with a reward model.

It is the held-out reward model of the iteration that made the shadow policy. Its features are those
of the SFT policy: the parent with the adapter of SFT.
"""

from collections.abc import Sequence
from typing import Any

import torch
from sqlmodel import Session

from training.compute import compute
from training.config import IterationConfig
from training.model.tokenizer import ChatTokenizer
from training.reward.features import all_features, all_trunk_states, sft_policy
from training.reward.model import RewardModel
from training.reward.preferences import preference_examples
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.experiments import outcomes
from tutelage.iterations import iterations
from tutelage.tables import Experiment, Iteration, PolicyVersion, ShadowResponse

AT_ONCE = 64  # responses
ANY_LENGTH = 10**6  # tokens


def judge_shadows(core: Core, experiment: Experiment) -> int:
    """Score the unscored shadow responses; how many. 0 also where the reward model was deleted."""
    with core.store.read() as session:
        waiting = outcomes.unjudged_shadows(session, experiment.id)[:AT_ONCE]
        iteration = _maker(session, experiment.policy_id)
        rows = [_row(session, shadow, shown) for shadow, shown in waiting]
    if not rows or iteration is None or not core.iteration(iteration.id).held_out.is_dir():
        return 0
    scores = _scores(core, iteration, rows)
    with core.store.write() as session:
        for name, (shown_score, score) in scores.items():
            shadow = session.get(ShadowResponse, name)
            if shadow:  # else it was erased meanwhile
                shadow.shown_score, shadow.score = shown_score, score
                session.add(shadow)
    return len(scores)


def _maker(session: Session, policy_id: str) -> Iteration | None:
    """The iteration that made a policy."""
    version = session.get(PolicyVersion, policy_id)
    made = version.iteration_id if version else None
    return iterations.get(session, made) if made else None


def _row(session: Session, shadow: ShadowResponse, shown: Any) -> dict[str, Any]:
    tree = conversations.messages(session, shown.conversation_id)
    path = conversations.path_to(tree, shown.parent_id)
    return {
        "conversation_id": shadow.id,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in path],
        "responses": [shown.content, shadow.content],
        "ranks": [0, 0],
    }


def _scores(
    core: Core, iteration: Iteration, rows: Sequence[dict[str, Any]]
) -> dict[str, tuple[float, float]]:
    """By shadow response the score of the response that was shown, and its own."""
    parent, folder = core.library.path(iteration.parent_policy_id), core.iteration(iteration.id)
    config = IterationConfig.load(folder.config)
    with compute(config), torch.no_grad():
        model = sft_policy(parent, folder.sft_adapter, config)
        reward = RewardModel.load(folder.held_out)
        judged = preference_examples(ChatTokenizer(parent), rows, [], ANY_LENGTH)
        states = all_trunk_states(model, judged)
        layers = reward.top(model, config.reward_model)
        found = [reward.score(f) for f in all_features(model, layers, judged, states)]
    pairs = [(float(shown), float(shadow)) for shown, shadow in found]
    return {row.conversation: pair for row, pair in zip(judged, pairs, strict=True)}
