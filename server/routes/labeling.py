"""/v1/labeling: tasks for labelers; they demonstrate, rank, skip and undo."""

import random
import statistics
from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, col, select

from server.chat import taught
from server.dependencies import After, LabelerDep, Limit, ServicesDep, StateDep
from server.generators.generator import Sampling
from server.http.auth import Caller
from server.schemas.labeling import (
    AssignmentDetail,
    AssignmentItem,
    DemonstrateRequest,
    DialogueMessage,
    DialogueTurn,
    GoldTask,
    LabelingHome,
    LabelingInstructions,
    MaybeAssignment,
    NextTask,
    RankRequest,
    ResponseToRank,
    SkipRequest,
    Suggestion,
    SuggestRequest,
    TasksMade,
)
from server.schemas.openai.chat import ModerationNotice
from server.schemas.text import Name, Page, columns
from tutelage import audit
from tutelage.labeling import labeling
from tutelage.labeling.labeling import DemonstrationTurn
from tutelage.tables import (
    Assignment,
    Feedback,
    FeedbackKind,
    LabelingTask,
    Message,
    place_of,
)

router = APIRouter(prefix="/v1/labeling", tags=["labeling"])

EXCERPT = 120
_SUGGESTED_TOKENS = {"assistant": 256, "user": 60}
_AS_USER = (
    "Write the next message of a person who talks to an assistant: one short question or request "
    "that goes on from what was said. Write only that message."
)


@router.get("")
def labeling_home(labeler: LabelerDep, services: ServicesDep) -> LabelingHome:
    """Your waiting tasks and your statistics."""
    me = labeler.user.id
    with services.store.read() as session:
        waiting = {
            kind.value: labeling.waiting(session, me, kind)
            for kind in (FeedbackKind.RANKING, FeedbackKind.DEMONSTRATION)
        }
        times = select(Assignment.seconds).where(
            Assignment.labeler_id == me, col(Assignment.feedback_id).is_not(None)
        )
        spent = [seconds for seconds in session.exec(times) if seconds]
        return LabelingHome(
            instructions_version=labeling.instructions().version,
            waiting=waiting,
            seconds=statistics.median(spent) if spent else None,
            **labeling.counts(session, me),
        )


@router.get("/instructions")
def get_instructions(_labeler: LabelerDep) -> LabelingInstructions:
    """The labeling instructions."""
    return LabelingInstructions(**vars(labeling.instructions()))


@router.post("/next")
def next_task(body: NextTask, labeler: LabelerDep, services: ServicesDep) -> MaybeAssignment:
    """The next task of a kind, or the one that is still open."""
    with services.store.write() as session:
        row = labeling.take(
            session,
            labeler.user,
            FeedbackKind(body.kind),
            services.settings.labeling_gold,
            body.own,
        )
        return MaybeAssignment(assignment=_detail(session, row) if row else None)


@router.get("/assignments")
def list_assignments(
    labeler: LabelerDep, services: ServicesDep, limit: Limit = 20, after: After = None
) -> Page[AssignmentItem]:
    """Your tasks, newest first."""
    statement = select(Assignment).where(Assignment.labeler_id == labeler.user.id)
    if after:
        statement = statement.where(Assignment.seq < place_of(Assignment, after))
    with services.store.read() as session:
        ordered = statement.order_by(col(Assignment.seq).desc()).limit(limit + 1)
        rows = list(session.exec(ordered))
        data = [_item(session, row) for row in rows[:limit]]
    return Page(data=data, has_more=len(rows) > limit)


@router.get("/assignments/{assignment_id}")
def get_assignment(
    assignment_id: Name, labeler: LabelerDep, services: ServicesDep
) -> AssignmentDetail:
    """One of your tasks."""
    with services.store.read() as session:
        return _detail(session, _mine(session, assignment_id, labeler))


@router.post("/assignments/{assignment_id}/ranking")
def rank_answers(
    assignment_id: Name, body: RankRequest, labeler: LabelerDep, services: ServicesDep
) -> AssignmentItem:
    """Rank the responses of a task."""
    with services.store.write() as session:
        row = _mine(session, assignment_id, labeler)
        labeling.rank(
            session, row, body.ranking, body.positions, body.flags, body.ratings, body.seconds
        )
        return _item(session, row)


@router.post("/assignments/{assignment_id}/demonstration")
def demonstrate(
    assignment_id: Name,
    body: DemonstrateRequest,
    labeler: LabelerDep,
    services: ServicesDep,
    state: StateDep,
) -> AssignmentItem:
    """Submit a demonstration: a dialogue of which you wrote both sides."""
    texts = [(turn.content, turn.role) for turn in body.turns]
    moderation = taught.moderate(services, state.metrics, texts)
    with services.store.write() as session:
        row = _mine(session, assignment_id, labeler)
        labeling.demonstrate(session, row, _turns(body.turns), body.seconds, moderation)
        return _item(session, row)


@router.post("/assignments/{assignment_id}/skip")
def skip_task(
    assignment_id: Name, body: SkipRequest, labeler: LabelerDep, services: ServicesDep
) -> AssignmentItem:
    """Skip a task."""
    with services.store.write() as session:
        row = _mine(session, assignment_id, labeler)
        labeling.skip(session, row, body.reason, body.seconds)
        return _item(session, row)


@router.post("/assignments/{assignment_id}/undo")
def undo_task(assignment_id: Name, labeler: LabelerDep, services: ServicesDep) -> AssignmentDetail:
    """Reopen a completed or skipped task; your feedback on it is withdrawn."""
    with services.store.write() as session:
        row = _mine(session, assignment_id, labeler)
        labeling.undo(session, row)
        session.flush()
        return _detail(session, row)


@router.post("/assignments/{assignment_id}/gold")
def make_gold(assignment_id: Name, labeler: LabelerDep, services: ServicesDep) -> AssignmentItem:
    """Make your ranking the gold ranking, which measures the other labelers."""
    with services.store.write() as session:
        row = _mine(session, assignment_id, labeler)
        task = labeling.set_own_gold(session, row)
        audit.record(session, labeler.user.id, "labeling.gold", task.id, gold=True)
        return _item(session, row)


@router.post("/gold", status_code=201)
def write_gold(body: GoldTask, labeler: LabelerDep, services: ServicesDep) -> TasksMade:
    """Create a gold task: its known ranking measures the other labelers."""
    with services.store.write() as session:
        task = labeling.write_gold(session, body.prompt, body.answers, labeler.user.id)
        audit.record(session, labeler.user.id, "labeling.gold", task.id, gold=True, written=True)
    return TasksMade(made=1)


@router.post("/suggestions")
async def suggest(
    body: SuggestRequest, _labeler: LabelerDep, services: ServicesDep, state: StateDep
) -> Suggestion:
    """What the current policy would write next, as the assistant or as the user."""
    said = "\n".join(turn.content for turn in body.turns)
    await run_in_threadpool(taught.require_unblocked, services, state.metrics, said, "turns")
    sampling = Sampling(0.8, 0.95, _SUGGESTED_TOKENS[body.side])
    response = await state.candidates.write(_suggested_dialogue(body), sampling)
    assert response.stream is not None
    text = response.shown.strip()
    if body.side == "user":
        text = text.split("\n")[0]
    return Suggestion(text=text, policy_id=response.stream.policy_id)


def _suggested_dialogue(body: SuggestRequest) -> list[dict[str, str]]:
    """For the user's side the roles are swapped, so that the policy writes as the user."""
    said = [{"role": turn.role, "content": turn.content} for turn in body.turns]
    if body.side == "assistant":
        return said
    other = {"user": "assistant", "assistant": "user"}
    turned = [{"role": other[turn["role"]], "content": turn["content"]} for turn in said]
    opening = {"role": "user", "content": _AS_USER}
    return [opening, *turned] if turned else [opening]


def _mine(session: Session, assignment_id: str, labeler: Caller) -> Assignment:
    return labeling.assigned(session, assignment_id, labeler.user.id)


def _turns(turns: Sequence[DialogueTurn]) -> list[DemonstrationTurn]:
    return [DemonstrationTurn(turn.role, turn.content, turn.suggestion) for turn in turns]


def _item(session: Session, row: Assignment) -> AssignmentItem:
    task = session.get(LabelingTask, row.task_id)
    prompt = session.get(Message, task.message_id) if task and task.message_id else None
    assert task is not None
    return AssignmentItem(
        **columns(row, AssignmentItem),
        kind=FeedbackKind(task.kind),
        prompt=prompt.content[:EXCERPT] if prompt else "",
        gold=task.gold is not None and task.gold.get("author_id") == row.labeler_id,
        moderation=_notice(session, row),
    )


def _notice(session: Session, row: Assignment) -> ModerationNotice | None:
    given = session.get(Feedback, row.feedback_id) if row.feedback_id else None
    found = given.moderation if given else None
    return ModerationNotice.model_validate(found) if found else None


def _detail(session: Session, row: Assignment) -> AssignmentDetail:
    task = labeling.task_of(session, row)
    ranked = labeling.answers(session, task) if task.kind == FeedbackKind.RANKING else []
    random.Random(row.id).shuffle(ranked)
    return AssignmentDetail(
        **_item(session, row).model_dump(),
        dialogue=DialogueMessage.of(labeling.dialogue(session, task)),
        answers=ResponseToRank.of(ranked),
        demonstrated=DialogueMessage.of(labeling.demonstrated(session, row)),
    )
