"""/v1/operator/labeling: task creation, progress, agreement, reliability, disputes, gold tasks."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import Session, select

from server.dependencies import OperatorDep, ServicesDep
from server.schemas.labeling import (
    DialogueMessage,
    Disagreement,
    GoldRequest,
    LabelerItem,
    LabelingProgress,
    Mean,
    Opinion,
    ResponseToRank,
    TasksMade,
    TasksRequest,
)
from server.schemas.text import Name, Page
from server.services import Services
from tutelage import audit
from tutelage.errors import Invalid
from tutelage.feedback import feedback, preference_data
from tutelage.labeling import agreement, labeling, selection
from tutelage.labeling.agreement import Labels
from tutelage.tables import (
    Assignment,
    Feedback,
    FeedbackKind,
    LabelingTask,
    PolicyVersion,
    User,
)

router = APIRouter(prefix="/v1/operator/labeling", tags=["operator"])

DISPUTES = 50


@router.get("")
def labeling_progress(_operator: OperatorDep, services: ServicesDep) -> LabelingProgress:
    """Task counts, inter-annotator agreement and labeler reliability."""
    with services.store.read() as session:
        labels = agreement.read(session)
        found = agreement.agreement(labels)
        counts = labeling.counts(session)
        return LabelingProgress(
            tasks=_tasks(session),
            answered=counts["answered"],
            skipped=counts["skipped"],
            shared_tasks=found.tasks,
            shared_pairs=found.pairs,
            alpha=found.alpha,
            same=Mean(**vars(found.same)) if found.same else None,
            labelers=_labelers(session, labels),
            policies=_loaded(services),
            gold_every=services.settings.labeling_gold,
        )


@router.post("/tasks", status_code=201)
def make_tasks(body: TasksRequest, operator: OperatorDep, services: ServicesDep) -> TasksMade:
    """Create tasks from consented chats, by need and diversity, or from the bundled prompts."""
    unknown = [each for each in body.policies if each not in _loaded(services)]
    if unknown:
        raise Invalid(f"{unknown[0]} is not loaded and cannot generate responses.", "policies")
    with services.store.write() as session:
        made = _make(session, body, services.generator.policy_id)
        subject = f"{body.kind}:{body.source}"
        audit.record(session, operator.user.id, "labeling.tasks", subject, made=made)
    return TasksMade(made=made)


@router.get("/disagreements")
def list_disagreements(
    _operator: OperatorDep,
    services: ServicesDep,
    every: Annotated[
        bool, Query(description="All ranked tasks, not only those with disagreements.")
    ] = False,
) -> Page[Disagreement]:
    """Tasks on which labelers disagree, the worst first."""
    with services.store.read() as session:
        names = {user.id: user.name for user in session.exec(select(User))}
        by_prompt = {task.message_id: task for task in session.exec(select(LabelingTask))}
        labels = agreement.read(session)
        worst = agreement.ranked(labels) if every else agreement.disagreements(labels)
        data = [
            _dispute(session, by_prompt[prompt], share, names)
            for prompt, share in worst[:DISPUTES]
            if prompt in by_prompt
        ]
    return Page(data=data, has_more=len(worst) > DISPUTES)


@router.post("/tasks/{task_id}/gold")
def set_gold(
    task_id: Name, body: GoldRequest, operator: OperatorDep, services: ServicesDep
) -> TasksMade:
    """Set a task's gold ranking, which measures labelers."""
    with services.store.write() as session:
        labeling.set_gold(session, task_id, body.ranking, operator.user.id)
        audit.record(session, operator.user.id, "labeling.gold", task_id, gold=bool(body.ranking))
    return TasksMade(made=1)


def _make(session: Session, body: TasksRequest, current: str | None) -> int:
    kind = FeedbackKind(body.kind)
    if body.source == labeling.PROMPTS:
        dialogues: Sequence[Any] = _unused_prompts(session, body.count)
    else:
        pool = selection.candidates(session, seed=time.time_ns())
        dialogues = [each.dialogue for each in selection.choose(pool, body.count)]
    for dialogue in dialogues:
        if kind == FeedbackKind.DEMONSTRATION:  # the assistant's turns are all the labeler's own
            opening = dialogue if isinstance(dialogue, str) else dialogue[:1]
            labeling.add_task(session, kind, opening, None, body.overlap)
        else:
            labeling.add_task(session, kind, dialogue, _samplings(body, current), body.overlap)
    return len(dialogues)


def _unused_prompts(session: Session, count: int) -> list[str]:
    used = set(
        labeling.prompt_of(session, task)
        for task in session.exec(
            select(LabelingTask).where(LabelingTask.source == labeling.PROMPTS)
        )
    )
    texts = [text for text in labeling.prompt_set() if text not in used]
    return [texts[index] for index in selection.spread(texts, [0.0] * len(texts), count)]


def _samplings(body: TasksRequest, current: str | None) -> list[dict[str, Any]]:
    """Policies and temperatures in turn, each response with its own seed."""
    policies: list[str | None] = [*body.policies] or [current]
    return [
        {
            "temperature": body.temperatures[n // len(policies) % len(body.temperatures)],
            "policy_id": policies[n % len(policies)],
            "seed": time.time_ns() % 2**31 + n,
        }
        for n in range(body.answers)
    ]


def _loaded(services: Services) -> list[str]:
    """The policies that may answer labelers: those in memory, unless they are a team's."""
    held = [
        each for each in (services.generator.policy_id, *services.generator.challengers) if each
    ]
    with services.store.read() as session:
        versions = [(each, session.get(PolicyVersion, each)) for each in held]
    return [each for each, version in versions if version is None or version.team_id is None]


def _tasks(session: Session) -> dict[str, int]:
    answered = Counter(
        row.task_id for row in session.exec(select(Assignment)) if row.feedback_id is not None
    )
    counts = {"preparing": 0, "failed": 0, "open": 0, "done": 0, "gold": 0}
    for task in session.exec(select(LabelingTask).where(LabelingTask.source != labeling.OWN)):
        counts[_state(task, answered[task.id])] += 1
        counts["gold"] += task.gold is not None
    return counts


def _state(task: LabelingTask, answered: int) -> str:
    if task.problem:
        return "failed"
    if task.ready_at is None:
        return "preparing"
    return "done" if answered >= task.overlap else "open"


def _labelers(session: Session, labels: Labels) -> list[LabelerItem]:
    rows: dict[str, list[Assignment]] = {}
    for row in session.exec(select(Assignment)):
        rows.setdefault(row.labeler_id, []).append(row)
    tasks = preference_data.gold(session)
    reliability, weights = agreement.reliability(labels, tasks), agreement.weights(labels, tasks)
    checkable = agreement.checkable_pairs(labels, tasks)
    gold = agreement.gold_accuracy(labels, tasks)
    return [
        LabelerItem(
            **_work(session, who, mine),
            shared_pairs=checkable.get(who, 0),
            reliability=reliability.get(who) if who in weights else None,
            weight=weights.get(who, 1.0),
            gold_right=gold.get(who, (0, 0))[0],
            gold_pairs=gold.get(who, (0, 0))[1],
        )
        for who, mine in sorted(rows.items())
    ]


def _work(session: Session, labeler_id: str, rows: Sequence[Assignment]) -> dict[str, Any]:
    """What one labeler did."""
    user = session.get(User, labeler_id)
    spent = [row.seconds for row in rows if row.feedback_id and row.seconds]
    suggestions, accepted = _suggestions(session, labeler_id)
    return {
        "id": labeler_id,
        "name": user.name if user else labeler_id,
        "answered": sum(row.feedback_id is not None for row in rows),
        "skipped": sum(row.skipped is not None for row in rows),
        "seconds": statistics.median(spent) if spent else None,
        "suggestions": suggestions,
        "accepted": accepted,
    }


def _suggestions(session: Session, labeler_id: str) -> tuple[int, int]:
    """Suggestions shown in a labeler's demonstrations, and those taken unchanged."""
    turns = [
        turn
        for row in feedback.of_author(session, labeler_id)
        if row.kind == FeedbackKind.DEMONSTRATION
        for turn in row.value.get("turns", [])
        if turn["suggested"]
    ]
    return len(turns), sum(turn["distance"] == 0 for turn in turns)


def _dispute(
    session: Session, task: LabelingTask, share: float, names: dict[str, str]
) -> Disagreement:
    rows = feedback.effective(
        session.exec(select(Feedback).where(Feedback.conversation_id == task.conversation_id))
    )
    opinions = [
        Opinion(labeler=names.get(row.author_id, row.author_id), ranking=row.value["ranking"])
        for row in rows
        if row.kind == FeedbackKind.RANKING and row.target == task.message_id
    ]
    return Disagreement(
        task_id=task.id,
        share=share,
        gold=task.gold["ranking"] if task.gold else None,
        dialogue=DialogueMessage.of(labeling.dialogue(session, task)),
        answers=ResponseToRank.of(labeling.answers(session, task)),
        opinions=opinions,
    )
