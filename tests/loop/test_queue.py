"""After an iteration the labelers' queue begins with what would teach the reward model most."""

import pytest
from loop_folder import ITERATION, run

from training.jobs.active_learning import newest_ensemble
from training.jobs.maintenance import Maintenance
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.labeling import labeling
from tutelage.tables import Conversation, FeedbackKind, LabelingTask

pytestmark = pytest.mark.loop

ANSWERS = [["yes", "yes"], ["yes no maybe", "no"], ["maybe maybe", "yes no no no no"]]


def add_tasks(core: Core) -> list[LabelingTask]:
    """Ranking tasks whose answers are written."""
    with core.store.write() as session:
        tasks = []
        for number, texts in enumerate(ANSWERS):
            task = labeling.add_task(session, FeedbackKind.RANKING, f"What {number}?", [{}], 1)
            chat = session.get_one(Conversation, task.conversation_id)
            for text in texts:
                conversations.append(session, chat, task.message_id, "assistant", text)
            labeling.prepared(session, task.id, None)
            tasks.append(task)
        return tasks


def test_the_queue_is_ordered_by_disagreement_where_that_is_switched_on(core: Core) -> None:
    run(core)
    assert newest_ensemble(core) == core.iteration(ITERATION)
    tasks = add_tasks(core)
    Maintenance(core).order_labeling()
    assert priorities(core, tasks) == [0.0, 0.0, 0.0]
    core.settings.labeling_order = "uncertainty"
    Maintenance(core).order_labeling()
    alike, *others = priorities(core, tasks)
    assert alike == 0.0
    assert all(priority > 0 for priority in others)


def priorities(core: Core, tasks: list[LabelingTask]) -> list[float]:
    with core.store.read() as session:
        return [session.get_one(LabelingTask, task.id).priority for task in tasks]
