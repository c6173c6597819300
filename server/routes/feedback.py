"""/v1/feedback: ratings of responses; append-only, idempotent, withdrawable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from server.chat import notices, taught
from server.dependencies import After, CallerDep, Limit, ServicesDep, StateDep
from server.http import sites
from server.http.auth import Caller
from server.http.errors import ApiError
from server.schemas.feedback import (
    EditRequest,
    FeedbackItem,
    FeedbackRequest,
    RankingRequest,
    ReportRequest,
    ThumbsRequest,
)
from server.schemas.text import Deleted, Name, Page
from tutelage.chat import conversations
from tutelage.errors import Invalid, NotFound
from tutelage.feedback import feedback, reports, signals
from tutelage.store import Store
from tutelage.tables import Feedback, FeedbackKind, Message
from tutelage.text.single_line import single_line

router = APIRouter(prefix="/v1/feedback", tags=["feedback"])

IdempotencyKey = Annotated[
    Name | None, Header(description="A repeated key returns the feedback that it created.")
]


@dataclass(frozen=True)
class ValidatedFeedback:
    """Feedback whose references were resolved, ready to be stored."""

    messages: Sequence[Message]
    value: dict[str, Any]
    target: str
    positions: list[str] | None = None


@router.post("", status_code=201)
def give_feedback(
    body: FeedbackRequest,
    caller: CallerDep,
    services: ServicesDep,
    state: StateDep,
    idempotency_key: IdempotencyKey = None,
) -> FeedbackItem:
    """Rate a response. Later feedback of the same kind on the same response replaces it."""
    ranked = sum(map(len, body.ranking)) if isinstance(body, RankingRequest) else 0
    sites.require_rating(caller, body.kind, ranked)
    notice = taught.moderate(services, state.metrics, _texts(body))
    idempotency_key = idempotency_key or None  # an empty header is no key
    try:
        row = _save(services.store, caller, body, idempotency_key, notice)
    except IntegrityError:  # a concurrent request with the same key has stored it
        row = _save(services.store, caller, body, idempotency_key, notice)
    state.metrics.judged(row.kind)
    return FeedbackItem.model_validate(row)


@router.get("")
def list_feedback(
    caller: CallerDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Page[FeedbackItem]:
    """Your active feedback, newest first."""
    with services.store.read() as session:
        rows = feedback.of_author(session, caller.user.id)[::-1]
    rest = feedback.after(rows, after)
    return Page(
        data=[FeedbackItem.model_validate(row) for row in rest[:limit]], has_more=len(rest) > limit
    )


@router.delete("/{feedback_id}")
def withdraw_feedback(feedback_id: Name, caller: CallerDep, services: ServicesDep) -> Deleted:
    """Withdraw feedback. Policies that were trained on it are not retrained."""
    with services.store.write() as session:
        current = {row.id for row in feedback.of_author(session, caller.user.id)}
        if feedback_id not in current:
            raise NotFound(f"You have no active feedback {feedback_id!r}.")
        feedback.withdraw(session, caller.user.id, feedback_id)
    return Deleted(id=feedback_id)


@router.post("/copied/{message_id}", status_code=204, response_class=Response)
def note_copied(message_id: Name, caller: CallerDep, services: ServicesDep) -> None:
    """Note that you copied a response; only the first time, and where the chat allows training."""
    with services.store.write() as session:
        signals.note_copied(session, caller.user.id, message_id)


def _texts(body: FeedbackRequest) -> list[tuple[str, notices.Side]]:
    """What the person wrote: a better answer, or a comment."""
    if isinstance(body, EditRequest):
        return [(body.text, "assistant")]
    return [] if isinstance(body, RankingRequest) else [(body.comment, "user")]


def _save(
    store: Store,
    caller: Caller,
    body: FeedbackRequest,
    key: str | None,
    notice: dict[str, Any] | None,
) -> Feedback:
    with store.write() as session:
        if body.kind == "report":
            reports.require_within_limit(session, caller.user.id)
        judged = _judged(session, caller.user.id, body)
        return feedback.record(
            session,
            caller.user.id,
            FeedbackKind(body.kind),
            judged.messages,
            judged.value,
            judged.target,
            judged.positions,
            key,
            notice,
        )


def _judged(session: Session, author_id: str, body: FeedbackRequest) -> ValidatedFeedback:
    if isinstance(body, RankingRequest):
        _require_one(completion_id=body.completion_id, parent_id=body.parent_id)
        if body.parent_id is not None:
            return _ranked_siblings(session, author_id, body, body.parent_id)
        return _ranked_choices(session, author_id, body)
    message = _response(session, author_id, body)
    return ValidatedFeedback([message], _value(body, message), message.id)


def _require_one(**targets: str | None) -> None:
    """What is rated has to be named in one of two ways."""
    names = list(targets)
    given = [name for name in names if targets[name] is not None]
    problem = f"Provide either {' or '.join(names)}."
    if not given:
        raise ApiError(400, problem, param="completion_id", code="missing_required_parameter")
    if len(given) > 1:
        raise ApiError(400, problem, param=names[1], code="invalid_parameter_combination")


def _response(
    session: Session, author_id: str, body: ThumbsRequest | EditRequest | ReportRequest
) -> Message:
    """The one response that is rated."""
    _require_one(message_id=body.message_id, completion_id=body.completion_id)
    if body.message_id is not None:
        return feedback.visible_response(session, author_id, body.message_id, "message_id")
    assert body.completion_id is not None
    choices = feedback.visible_completion(session, author_id, body.completion_id)
    for message in choices:
        if message.choice == body.choice:
            return message
    raise Invalid(f"The completion has no choice {body.choice}.", "choice")


def _value(body: ThumbsRequest | EditRequest | ReportRequest, message: Message) -> dict[str, Any]:
    if isinstance(body, ThumbsRequest):
        return {"value": body.value, "reasons": body.reasons, "comment": body.comment}
    if isinstance(body, ReportRequest):
        return {"category": body.category, "comment": body.comment}
    if not single_line(body.text):
        raise Invalid("The edited response is empty.", "text")
    if body.text.strip() == message.content.strip():
        raise Invalid("The edited response is identical to the original.", "text")
    return {"text": body.text}


def _ranked_choices(session: Session, author_id: str, body: RankingRequest) -> ValidatedFeedback:
    """A ranking of the choices of one completion."""
    assert body.completion_id is not None
    choices = feedback.visible_completion(session, author_id, body.completion_id)
    by_choice: dict[Any, Message] = {message.choice: message for message in choices}
    return _ranked(body, by_choice, body.completion_id)


def _ranked_siblings(
    session: Session, author_id: str, body: RankingRequest, parent_id: str
) -> ValidatedFeedback:
    """A ranking of any responses to one prompt."""
    parent = session.get(Message, parent_id)
    if parent is None:
        raise NotFound(f"Message {parent_id!r} not found.", "parent_id")
    try:
        conversations.owned(session, parent.conversation_id, author_id)
    except NotFound:
        raise NotFound(f"Message {parent_id!r} not found.", "parent_id") from None
    responses = select(Message).where(Message.parent_id == parent_id, Message.role == "assistant")
    by_id: dict[Any, Message] = {each.id: each for each in session.exec(responses)}
    return _ranked(body, by_id, parent_id)


def _ranked(body: RankingRequest, known: dict[Any, Message], target: str) -> ValidatedFeedback:
    feedback.check_ranking(body.ranking, known)
    order = [[known[item].id for item in group] for group in body.ranking]
    messages = [known[item] for group in body.ranking for item in group]
    return ValidatedFeedback(messages, {"ranking": order}, target, _positions(body, known))


def _positions(body: RankingRequest, known: dict[Any, Message]) -> list[str] | None:
    shown = body.positions
    if shown is None:
        return None
    unknown = [item for item in shown if item not in known]
    if unknown:
        raise Invalid(
            f"positions contains {unknown[0]!r}, which is not a response here.", "positions"
        )
    if len(set(shown)) != len(shown):
        raise Invalid("positions contains a response twice.", "positions")
    missing = [item for group in body.ranking for item in group if item not in shown]
    if missing:
        raise Invalid(f"positions lacks {missing[0]!r}, which is ranked.", "positions")
    return [known[item].id for item in shown]
