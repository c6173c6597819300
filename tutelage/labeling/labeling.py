"""Labeling: tasks made of consented chats or of the shipped prompts, and who answers them.

A task stands on a conversation of its own, copied from the chat up to the prompt. The copy belongs
to the chat's owner, follows their consent and goes with the chat.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from tutelage import jsonl
from tutelage.chat import conversations
from tutelage.errors import Conflict, Forbidden, Invalid, NotFound
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.store import Lock, exclude
from tutelage.tables import (
    Assignment,
    Conversation,
    Feedback,
    FeedbackKind,
    LabelingTask,
    Message,
    Purpose,
    User,
    place_of,
)
from tutelage.text.single_line import single_line

MOST_RESPONSES = 9
HELD_SECONDS = 86_400.0  # for which a task is kept for the labeler who took it
FLAGS = ("wrong", "harmful", "asks_back", "too_long", "off_topic")
CHAT, PROMPTS, OWN = "chat", "prompts", "own"
_PROMPT_SET = "Prompt set"
_KINDS = (FeedbackKind.RANKING, FeedbackKind.DEMONSTRATION)


@dataclass(frozen=True)
class Instructions:
    """What labelers are asked to do. A change of the text is a new version."""

    version: int
    text: str


@dataclass(frozen=True)
class DemonstrationTurn:
    """One message of a demonstration; ``suggestion`` is what the model had written for it."""

    role: str
    content: str
    suggestion: str | None = None


@cache
def instructions() -> Instructions:
    """The instructions in force; their first line ends with the version."""
    text = (resources.files("tutelage") / "data" / "labeling_instructions.md").read_text("utf-8")
    return Instructions(int(text.splitlines()[0].rsplit(" ", 1)[1]), text)


def prompt_set() -> list[str]:
    """The prompts that ship, in their order, which is random."""
    text = (resources.files("tutelage") / "data" / "prompts.jsonl").read_text("utf-8")
    return [row["prompt"] for row in jsonl.parse(text)]


def add_task(
    session: Session,
    kind: FeedbackKind,
    dialogue: Sequence[Message] | str,
    samplings: list[dict[str, Any]] | None,
    overlap: int,
) -> LabelingTask:
    """A task on the last message of a consented chat's ``dialogue``, or on a prompt of the set.

    ``samplings``, for a ranking, say how each of its answers is sampled:
    {"temperature", "policy_id", "seed"}. Without them a task is ready at once.
    """
    if isinstance(dialogue, str):
        conversation = _of_prompt_set(session)
        last = conversations.append(session, conversation, None, "user", dialogue)
    else:
        conversation, last = _copy(session, dialogue)
    task = LabelingTask(
        kind=kind,
        conversation_id=conversation.id,
        message_id=last.id,
        source=PROMPTS if isinstance(dialogue, str) else CHAT,
        overlap=overlap,
        samplings=samplings,
        ready_at=None if samplings else time.time(),
    )
    session.add(task)
    session.flush()
    return task


def prepared(session: Session, task_id: str, problem: str | None) -> bool:
    """The answers of a task are written, or could not be.

    False when that is known already, or the task is gone.
    """
    exclude(session, Lock.LABELING)
    task = session.get(LabelingTask, task_id)
    if task is None or task.ready_at is not None or task.problem is not None:
        return False
    task.problem = problem
    task.ready_at = time.time() if problem is None else None
    session.add(task)
    return True


def answers(session: Session, task: LabelingTask) -> list[Message]:
    """The answers to rank, in order."""
    statement = select(Message).where(
        Message.parent_id == task.message_id, Message.role == "assistant"
    )
    return list(session.exec(statement.order_by(col(Message.seq))))


def dialogue(session: Session, task: LabelingTask) -> list[Message]:
    """The messages up to the one that is to be answered."""
    tree = conversations.messages(session, task.conversation_id)
    return conversations.path_to(tree, task.message_id)


def prompt_of(session: Session, task: LabelingTask) -> str:
    """The text of the message that is to be answered; empty for a prompt of one's own."""
    message = session.get(Message, task.message_id) if task.message_id else None
    return message.content if message else ""


def take(
    session: Session, labeler: User, kind: FeedbackKind, gold_every: int, own: bool = False
) -> Assignment | None:
    """The labeler's next task of that kind, or the one that they have not finished.

    Every ``gold_every``-th task is a gold task, as long as there is one that they have not seen.
    ``own`` begins a demonstration on a prompt of their own.
    """
    exclude(session, Lock.LABELING)
    unfinished = _unfinished(session, labeler.id, kind)
    if unfinished:
        return unfinished
    task = _own_task(session, labeler) if own else _next_task(session, labeler.id, kind, gold_every)
    if task is None:
        return None
    row = Assignment(task_id=task.id, labeler_id=labeler.id, instructions=instructions().version)
    session.add(row)
    session.flush()
    return row


def assigned(session: Session, assignment_id: str, labeler_id: str) -> Assignment:
    """The assignment, if it is this labeler's; else NotFound."""
    row = session.get(Assignment, assignment_id)
    if row is None or row.labeler_id != labeler_id:
        raise NotFound(f"You have no assignment with the id {assignment_id!r}.")
    return row


def task_of(session: Session, assignment: Assignment) -> LabelingTask:
    """What the assignment is about. Raises Conflict when the chat's owner took consent back."""
    task = session.get(LabelingTask, assignment.task_id)
    conversation = session.get(Conversation, task.conversation_id) if task else None
    if task is None or conversation is None:
        raise NotFound("This task no longer exists.")
    if not conversation.training:
        raise Conflict(
            "The owner withdrew consent to training on this conversation. Take the next task."
        )
    return task


def rank(
    session: Session,
    assignment: Assignment,
    ranking: Sequence[Sequence[str]],
    positions: Sequence[str],
    flags: dict[str, list[str]],
    ratings: dict[str, int],
    seconds: float,
) -> Feedback:
    """Answer a ranking task: all answers, best first, with flags and ratings of each.

    Raises Invalid for a ranking that leaves answers out, unknown flags or ratings.
    """
    exclude(session, Lock.LABELING)
    _require_open(assignment)
    task = task_of(session, assignment)
    by_id = {message.id: message for message in answers(session, task)}
    feedback.check_ranking(ranking, by_id)
    if sorted(each for group in ranking for each in group) != sorted(by_id):
        raise Invalid("The ranking must contain every response.", "ranking")
    if sorted(positions) != sorted(by_id):
        raise Invalid("positions must list every response once, in the order shown.", "positions")
    _check_marks(by_id, flags, ratings)
    order = [list(group) for group in ranking]
    row = feedback.record(
        session,
        assignment.labeler_id,
        FeedbackKind.RANKING,
        [by_id[each] for group in order for each in group],
        {"ranking": order, "flags": flags, "ratings": ratings},
        str(task.message_id),
        list(positions),
    )
    _finish(session, assignment, row, seconds)
    return row


def demonstrate(
    session: Session,
    assignment: Assignment,
    turns: Sequence[DemonstrationTurn],
    seconds: float,
    moderation: dict[str, Any] | None = None,
) -> Feedback:
    """Answer a demonstration task with a whole dialogue, user and assistant in turn.

    Raises Invalid for a dialogue that does not begin with the user or end with the assistant.
    """
    exclude(session, Lock.LABELING)
    _require_open(assignment)
    task = task_of(session, assignment)
    _check_turns(turns)
    labeler = session.get(User, assignment.labeler_id)
    assert labeler is not None
    origin = session.get(Conversation, task.conversation_id)
    conversation = conversations.start(session, labeler.id, training=True)
    conversation.purpose = Purpose.LABELING
    conversation.origin_id = origin.origin_id if origin else None
    parent: Message | None = None
    said = []
    for turn in turns:
        parent_id = parent.id if parent else None
        parent = conversations.append(session, conversation, parent_id, turn.role, turn.content)
        said.append({"message_id": parent.id} | _edits(turn))
    assert parent is not None
    row = feedback.record(
        session,
        labeler.id,
        FeedbackKind.DEMONSTRATION,
        [parent],
        {"turns": said},
        parent.id,
        moderation=moderation,
    )
    _finish(session, assignment, row, seconds)
    return row


def skip(session: Session, assignment: Assignment, reason: str, seconds: float) -> None:
    """Leave a task to others, and say why."""
    exclude(session, Lock.LABELING)
    _require_open(assignment)
    assignment.skipped = reason
    assignment.seconds = seconds
    assignment.finished_at = time.time()
    session.add(assignment)


def undo(session: Session, assignment: Assignment) -> None:
    """Open an answered or skipped task again: what was said is withdrawn.

    It comes next, before a task of that kind that was taken since and is open.
    """
    exclude(session, Lock.LABELING)
    if assignment.finished_at is None:
        raise Conflict("This task is still open.")
    if assignment.feedback_id:
        feedback.withdraw(session, assignment.labeler_id, assignment.feedback_id)
    assignment.feedback_id = assignment.skipped = assignment.finished_at = None
    session.add(assignment)


def set_gold(
    session: Session, task_id: str, ranking: Sequence[Sequence[str]] | None, author_id: str
) -> LabelingTask:
    """Say which order is right, which makes it a gold task; None: an ordinary task again.

    It does not measure the labeler who set it.
    """
    exclude(session, Lock.LABELING)
    task = session.get(LabelingTask, task_id)
    if task is None or task.kind != FeedbackKind.RANKING:
        raise NotFound(f"Ranking task {task_id!r} not found.")
    if ranking is not None:
        feedback.check_ranking(ranking, [message.id for message in answers(session, task)])
    order = None if ranking is None else [list(group) for group in ranking]
    task.gold = None if order is None else {"ranking": order, "author_id": author_id}
    session.add(task)
    return task


def set_own_gold(session: Session, assignment: Assignment) -> LabelingTask:
    """Say that one's own ranking is right.

    Raises Conflict where no ranking stands, or the gold ranking is set already.
    """
    exclude(session, Lock.LABELING)
    if task_of(session, assignment).gold:
        raise Conflict("This task already has a gold ranking.")
    row = session.get(Feedback, assignment.feedback_id) if assignment.feedback_id else None
    if row is None or row.kind != FeedbackKind.RANKING:
        raise Conflict("Only a ranking that you submitted can become gold.")
    return set_gold(session, assignment.task_id, row.value["ranking"], assignment.labeler_id)


def write_gold(
    session: Session, prompt: str, best_first: Sequence[Sequence[str]], author_id: str
) -> LabelingTask:
    """A gold task of which everything is written by hand; an inner list holds equals.

    Raises Invalid for fewer than two places, more than nine answers, or two that say the same.
    """
    texts = [text.strip() for group in best_first for text in group]
    if len(best_first) < 2 or not all(best_first) or len(texts) > MOST_RESPONSES:
        raise Invalid(
            f"A gold task needs 2 to {MOST_RESPONSES} responses that are not all tied.", "answers"
        )
    if len(set(texts)) < len(texts) or not all(texts):
        raise Invalid("Two responses are identical, or one is empty.", "answers")
    task = add_task(session, FeedbackKind.RANKING, prompt, None, overlap=1)
    conversation = session.get_one(Conversation, task.conversation_id)
    order = [
        [
            conversations.append(session, conversation, task.message_id, "assistant", text).id
            for text in group
        ]
        for group in best_first
    ]
    return set_gold(session, task.id, order, author_id)


def demonstrated(session: Session, assignment: Assignment) -> list[Message]:
    """The dialogue that an answered demonstration task was answered with; else none."""
    row = session.get(Feedback, assignment.feedback_id) if assignment.feedback_id else None
    if row is None or row.kind != FeedbackKind.DEMONSTRATION:
        return []
    tree = conversations.messages(session, row.conversation_id)
    return conversations.path_to(tree, row.target)


def counts(session: Session, labeler_id: str | None = None) -> dict[str, int]:
    """Assignments by how they stand: answered, skipped, open."""
    statement = select(Assignment)
    if labeler_id:
        statement = statement.where(Assignment.labeler_id == labeler_id)
    found = {"answered": 0, "skipped": 0, "open": 0}
    for row in session.exec(statement):
        state = "answered" if row.feedback_id else "skipped" if row.skipped else "open"
        found[state] += 1
    return found


def waiting(session: Session, labeler_id: str, kind: FeedbackKind) -> int:
    """How many tasks of that kind this labeler could still take."""
    return len(_open_tasks(session, labeler_id, kind))


def unranked(session: Session, after: str = "") -> list[LabelingTask]:
    """Ranking tasks with all their responses that no labeler has taken, in order."""
    taken = select(Assignment.task_id)
    statement = select(LabelingTask).where(
        LabelingTask.kind == FeedbackKind.RANKING,
        col(LabelingTask.ready_at).is_not(None),
        col(LabelingTask.id).not_in(taken),
    )
    if after:
        statement = statement.where(LabelingTask.seq > place_of(LabelingTask, after))
    return list(session.exec(statement.order_by(col(LabelingTask.seq))))


def _next_task(
    session: Session, labeler_id: str, kind: FeedbackKind, gold_every: int
) -> LabelingTask | None:
    tasks = _open_tasks(session, labeler_id, kind)
    gold = [task for task in tasks if task.gold is not None]
    done = session.exec(
        select(func.count()).select_from(Assignment).where(Assignment.labeler_id == labeler_id)
    ).one()
    if gold and gold_every and (done + 1) % gold_every == 0:
        return gold[0]
    ordinary = [task for task in tasks if task.gold is None]
    return next(iter(ordinary or gold), None)


def _open_tasks(session: Session, labeler_id: str, kind: FeedbackKind) -> list[LabelingTask]:
    """Ready tasks that need more labelers and that this one has not had, best first.

    One that a labeler took a day ago and left open is offered to others again; both may answer it.
    """
    mine = select(Assignment.task_id).where(Assignment.labeler_id == labeler_id)
    taken = select(Assignment.task_id, func.count()).where(
        col(Assignment.skipped).is_(None),
        or_(
            col(Assignment.finished_at).is_not(None),
            col(Assignment.created_at) > time.time() - HELD_SECONDS,
        ),
    )
    takers = dict(session.exec(taken.group_by(Assignment.task_id)).all())
    statement = (
        select(LabelingTask)
        .join(Conversation, col(Conversation.id) == LabelingTask.conversation_id)
        .where(
            LabelingTask.kind == kind,
            col(LabelingTask.ready_at).is_not(None),
            LabelingTask.source != OWN,
            Conversation.training,
            col(Conversation.team_id).is_(None),
            col(LabelingTask.id).not_in(mine),
        )
        .order_by(col(LabelingTask.priority).desc(), col(LabelingTask.seq))
    )
    tasks = session.exec(statement)
    return [task for task in tasks if task.gold or takers.get(task.id, 0) < task.overlap]


def _unfinished(session: Session, labeler_id: str, kind: FeedbackKind) -> Assignment | None:
    statement = (
        select(Assignment)
        .join(LabelingTask, col(LabelingTask.id) == Assignment.task_id)
        .join(Conversation, col(Conversation.id) == LabelingTask.conversation_id)
        .where(
            Assignment.labeler_id == labeler_id,
            col(Assignment.finished_at).is_(None),
            LabelingTask.kind == kind,
            Conversation.training,
            col(Conversation.team_id).is_(None),
        )
    )
    return session.exec(statement.order_by(col(Assignment.seq))).first()


def _own_task(session: Session, labeler: User) -> LabelingTask:
    conversation = conversations.start(session, labeler.id, training=True)
    conversation.purpose = Purpose.LABELING
    task = LabelingTask(
        kind=FeedbackKind.DEMONSTRATION,
        conversation_id=conversation.id,
        source=OWN,
        ready_at=time.time(),
    )
    session.add(task)
    session.flush()
    return task


def _copy(session: Session, path: Sequence[Message]) -> tuple[Conversation, Message]:
    chat = session.get(Conversation, path[0].conversation_id)
    if chat is None or not chat.training:
        raise Forbidden("The owner has not consented to training on this conversation.")
    if chat.team_id:
        raise Forbidden("This conversation belongs to a team; labelers do not read it.")
    copy = conversations.start(session, chat.owner_id, training=True, title=chat.title)
    copy.purpose, copy.origin_id = Purpose.LABELING, chat.id
    last: Message | None = None
    for message in path:
        last = conversations.append(
            session, copy, last.id if last else None, message.role, message.content
        )
    assert last is not None
    return copy, last


def _of_prompt_set(session: Session) -> Conversation:
    """A conversation whose owner cannot sign in."""
    owner = session.exec(
        select(User).where(User.name == _PROMPT_SET, col(User.disabled_at).is_not(None))
    ).first()
    if owner is None:
        owner = people.create_user(session, _PROMPT_SET)
        owner.disabled_at = time.time()
        session.add(owner)
    conversation = conversations.start(session, owner.id, training=True)
    conversation.purpose = Purpose.LABELING
    return conversation


def _check_marks(
    known: dict[str, Message], flags: dict[str, list[str]], ratings: dict[str, int]
) -> None:
    for message_id in (*flags, *ratings):
        if message_id not in known:
            raise Invalid(f"{message_id!r} is not a response of this task.", "flags")
    for flag in (each for given in flags.values() for each in given):
        if flag not in FLAGS:
            raise Invalid(f"Unknown flag {flag!r}. Choose from {', '.join(FLAGS)}.", "flags")
    if any(not 1 <= rating <= 7 for rating in ratings.values()):
        raise Invalid("A rating must be from 1 (worst) to 7 (best).", "ratings")


def _check_turns(turns: Sequence[DemonstrationTurn]) -> None:
    roles = [turn.role for turn in turns]
    if roles != ["user", "assistant"] * (len(roles) // 2) or not roles:
        raise Invalid(
            "The turns must alternate user, assistant, and end with an assistant message.", "turns"
        )
    if not all(single_line(turn.content) for turn in turns):
        raise Invalid("A message of the dialogue is empty.", "turns")


def _edits(turn: DemonstrationTurn) -> dict[str, Any]:
    """How far the person went from what the model suggested, in characters (Levenshtein)."""
    if turn.suggestion is None:
        return {"suggested": False, "distance": None}
    from rapidfuzz.distance import Levenshtein

    return {"suggested": True, "distance": Levenshtein.distance(turn.suggestion, turn.content)}


def _require_open(assignment: Assignment) -> None:
    if assignment.finished_at is not None:
        raise Conflict("This task is finished. Undo it to change your response.")


def _finish(session: Session, assignment: Assignment, row: Feedback, seconds: float) -> None:
    assignment.feedback_id = row.id
    assignment.seconds = seconds
    assignment.finished_at = time.time()
    session.add(assignment)
