"""Active learning: labeling tasks on which the reward-model ensemble disagrees come first.

The newest iteration's ensemble scores the responses of unranked tasks; its disagreement becomes
the task's priority.
"""

from collections.abc import Sequence
from typing import Any

import torch
from sqlmodel import Session, col, select

from training.compute import compute
from training.config import IterationConfig
from training.jobs.score_shadows import ANY_LENGTH
from training.model.tokenizer import ChatTokenizer
from training.reward.ensemble import Ensemble
from training.reward.features import all_features, all_trunk_states, sft_policy
from training.reward.preferences import preference_examples
from tutelage.composition import Core
from tutelage.iteration_folder import IterationFolder, with_snapshot
from tutelage.labeling import labeling
from tutelage.tables import Iteration, LabelingTask

AT_ONCE = 32  # tasks


def newest_ensemble(core: Core) -> IterationFolder | None:
    """The newest iteration whose reward model has an ensemble of heads."""
    newest_first = reversed(list(with_snapshot(core.iterations)))
    found = (core.iteration(each.id) for each in newest_first)
    return next((each for each in found if each.ensemble.is_file()), None)


def order_tasks(core: Core, newest: IterationFolder, after: str = "") -> str | None:
    """Set the priorities of the tasks after an id; the last one's id, None when all are done."""
    with core.store.read() as session:
        tasks = labeling.unranked(session, after)[:AT_ONCE]
        rows = [_row(session, task) for task in tasks]
        iteration = session.get(Iteration, newest.id)
    if not tasks or iteration is None:
        return None
    priorities = _disagreements(core, newest, iteration, rows)
    with core.store.write() as session:
        for task in session.exec(select(LabelingTask).where(col(LabelingTask.id).in_(priorities))):
            task.priority = priorities[task.id]
            session.add(task)
    return tasks[-1].id


def _row(session: Session, task: LabelingTask) -> dict[str, Any]:
    answers = [message.content for message in labeling.answers(session, task)]
    path = labeling.dialogue(session, task)
    return {
        "conversation_id": task.id,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in path],
        "responses": answers,
        "ranks": [0] * len(answers),
    }


def _disagreements(
    core: Core, folder: IterationFolder, iteration: Iteration, rows: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """By task; the features are those of the SFT policy, without the reward model's adapter."""
    parent = core.library.path(iteration.parent_policy_id)
    config = IterationConfig.load(folder.config)
    with compute(config), torch.no_grad():
        model = sft_policy(parent, folder.sft_adapter, config)
        ensemble = Ensemble.load(folder.proxy)
        judged = preference_examples(ChatTokenizer(parent), rows, [], ANY_LENGTH)
        states = all_trunk_states(model, judged)
        features = all_features(model, model.reference, judged, states)
    names = [row.conversation for row in judged]
    return dict(zip(names, map(ensemble.disagreement, features), strict=True))
