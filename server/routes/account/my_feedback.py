"""/v1/account/feedback: the user's feedback, and which iterations learned from it."""

from fastapi import APIRouter
from sqlmodel import Session, col, select

from server.dependencies import After, Limit, PersonDep, ServicesDep
from server.schemas.feedback import FeedbackItem
from server.schemas.sharing import FeedbackStory, LearnedBy
from server.schemas.text import Page, columns
from tutelage.feedback import feedback
from tutelage.policies import lineage
from tutelage.tables import Conversation, Feedback, FeedbackKind, Iteration, Message, PolicyVersion

router = APIRouter(prefix="/v1/account/feedback", tags=["account"])


@router.get("")
def my_feedback(
    caller: PersonDep, services: ServicesDep, limit: Limit = 20, after: After = None
) -> Page[FeedbackStory]:
    """Your active feedback, newest first."""
    with services.store.read() as session:
        rows = feedback.of_author(session, caller.user.id)[::-1]
        rest = feedback.after(rows, after)
        shown = rest[:limit]
        uses = lineage.uses(services.iterations, [row.id for row in shown])
        data = [_story(session, row, uses[row.id]) for row in shown]
    return Page(data=data, has_more=len(rest) > limit)


def _story(session: Session, row: Feedback, iterations: list[str]) -> FeedbackStory:
    response = session.get(Message, _judged(row))
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
        learned_by=[_learned(session, each) for each in iterations],
    )


def _judged(row: Feedback) -> str:
    """The rated message; of a ranking the best one."""
    ranked: str = row.value["ranking"][0][0] if row.kind == FeedbackKind.RANKING else row.target
    return ranked


def _learned(session: Session, iteration_id: str) -> LearnedBy:
    iteration = session.get(Iteration, iteration_id)
    statement = select(PolicyVersion).where(col(PolicyVersion.iteration_id) == iteration_id)
    policy = session.exec(statement).first()
    return LearnedBy(
        iteration_id=iteration_id,
        policy_id=policy.id if policy else None,
        state=str(policy.state) if policy else str(iteration.state) if iteration else None,
    )
