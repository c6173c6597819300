"""/v1/account/feedback: what the user taught, and what each iteration made of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from server.dependencies import After, ChatterDep, Limit, PersonDep, ServicesDep, StateDep
from server.labeling.again import ask_again, judged_message, judged_prompt
from server.schemas.feedback import FeedbackItem
from server.schemas.taught import (
    AgreementWithOthers,
    AnswersAgain,
    FeedbackStory,
    LearnedBy,
    NewAnswer,
    NotUsed,
    SignalReliability,
    TaughtIteration,
    TaughtSummary,
)
from server.schemas.text import Name, Page, columns
from tutelage.feedback import feedback, preference_data, signals
from tutelage.feedback.preference_data import LeftOut
from tutelage.labeling import agreement
from tutelage.policies import lineage
from tutelage.policies.lineage import Learned
from tutelage.tables import Conversation, Feedback, Iteration, Message, PolicyVersion

router = APIRouter(prefix="/v1/account/feedback", tags=["account"])

Snapshots = dict[str, Learned]
OfIteration = Annotated[Name | None, Query(description="Only feedback that it had before it.")]


@router.get("")
def my_feedback(
    caller: PersonDep,
    services: ServicesDep,
    limit: Limit = 20,
    after: After = None,
    iteration: OfIteration = None,
) -> Page[FeedbackStory]:
    """Your active feedback, newest first."""
    snapshots = lineage.learned(services.iterations)
    with services.store.read() as session:
        rows = feedback.of_author(session, caller.user.id)[::-1]
        if iteration is not None:
            had = _had(snapshots.get(iteration))
            rows = [row for row in rows if row.id in had]
        rest = feedback.after(rows, after)
        shown = rest[:limit]
        reasons = _reasons(session, shown)
        data = [_story(session, row, snapshots, reasons.get(row.id)) for row in shown]
    return Page(data=data, has_more=len(rest) > limit)


@router.get("/summary")
def my_iterations(caller: PersonDep, services: ServicesDep) -> TaughtSummary:
    """What each iteration made of your feedback, newest first; how far others, and what you do with
    responses, agree with it."""
    snapshots = lineage.learned(services.iterations)
    with services.store.read() as session:
        judged = feedback.of_author(session, caller.user.id)
        own = {row.id for row in judged}
        chats = preference_data.read(session, sorted({row.conversation_id for row in judged}))
        same, pairs = agreement.with_others(session, caller.user.id)
        iterations = [
            _taught(session, name, found, own)
            for name, found in reversed(snapshots.items())
            if own & _had(found)
        ]
    shared = AgreementWithOthers(same=same, pairs=pairs) if pairs else None
    did = [each.counts() for each in signals.of_chats(chats) if each.owner_id == caller.user.id]
    reliable = [SignalReliability.model_validate(each) for each in signals.agreements(did)]
    return TaughtSummary(iterations=iterations, signals=reliable, agreement=shared)


@router.post("/{feedback_id}/again")
async def answer_again(
    feedback_id: Name,
    _person: PersonDep,
    caller: ChatterDep,
    services: ServicesDep,
    state: StateDep,
) -> AnswersAgain:
    """Ask a judged prompt again, of the policy whose answer you judged and of the current one.

    The answers are stored in the conversation as choices of one completion, in random order, so
    that you can rank them.
    """
    with services.store.read() as session:
        prompt = judged_prompt(session, caller.user.id, feedback_id)
    asked = await ask_again(state, caller, prompt)
    return AnswersAgain(
        completion_id=asked.completion_id,
        answers=[
            NewAnswer(
                message_id=each.id,
                choice=each.choice,
                content=each.shown,
                policy_id=each.stream.policy_id if each.stream else None,
            )
            for each in asked.responses
        ],
        problem=asked.problem,
    )


def _had(found: Learned | None) -> frozenset[str]:
    """The judgements that an iteration used or left out."""
    return found.feedback | frozenset(found.left_out) if found else frozenset()


def _reasons(session: Session, rows: Sequence[Feedback]) -> dict[str, LeftOut]:
    """Why these would not be used by an iteration that began now; caps are not foreseen."""
    chats = {row.conversation_id for row in rows}
    found = preference_data.left_out(preference_data.read(session, sorted(chats)))
    consented = select(Conversation.id).where(col(Conversation.id).in_(chats))
    allowed = set(session.exec(consented.where(Conversation.training)))
    without = [row.id for row in rows if row.conversation_id not in allowed]
    return found | dict.fromkeys(without, LeftOut.CONSENT)


def _story(
    session: Session, row: Feedback, snapshots: Snapshots, reason: LeftOut | None
) -> FeedbackStory:
    response = session.get(Message, judged_message(row))
    prompt = session.get(Message, response.parent_id) if response and response.parent_id else None
    chat = session.get(Conversation, row.conversation_id)
    return FeedbackStory(
        **columns(row, FeedbackItem),
        conversation_id=row.conversation_id,
        conversation_title=chat.title if chat else "",
        training=bool(chat and chat.training),
        prompt_id=prompt.id if prompt else None,
        prompt=prompt.content if prompt else "",
        answer=response.content if response else "",
        policy_id=response.policy_id if response else None,
        learned_by=[
            LearnedBy(**_outcome(session, name), measured=row.id in snapshots[name].held_out)
            for name in lineage.uses(snapshots, row.id)
        ],
        left_out=[
            NotUsed(iteration_id=name, reason=LeftOut(found.left_out[row.id]))
            for name, found in snapshots.items()
            if row.id in found.left_out
        ],
        reason=reason,
    )


def _taught(session: Session, name: str, found: Learned, own: set[str]) -> TaughtIteration:
    used = found.feedback & own
    reasons = Counter(reason for row, reason in found.left_out.items() if row in own)
    return TaughtIteration(
        **_outcome(session, name),
        taught=len(used - found.held_out),
        measured=len(used & found.held_out),
        left_out=dict(reasons),
    )


def _outcome(session: Session, iteration_id: str) -> dict[str, str | None]:
    """An iteration, its policy, and the state of that policy or else of the iteration."""
    iteration = session.get(Iteration, iteration_id)
    statement = select(PolicyVersion).where(col(PolicyVersion.iteration_id) == iteration_id)
    policy = session.exec(statement).first()
    return {
        "iteration_id": iteration_id,
        "policy_id": policy.id if policy else None,
        "state": str(policy.state) if policy else str(iteration.state) if iteration else None,
    }
