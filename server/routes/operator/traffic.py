"""/v1/operator/traffic: the service over time, ratings by policy, and the rows behind both."""

import time
from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from server.app_state import AppState
from server.dependencies import After, Limit, OperatorDep, ServicesDep, StateDep
from server.schemas.operator.traffic import (
    HttpResponses,
    JudgementItem,
    Opinions,
    PolicyOpinion,
    Proportion,
    ResponseItem,
    Traffic,
    TrafficWindow,
)
from server.schemas.text import Name, Page, columns
from tutelage.chat import traffic
from tutelage.experiments import experiments, outcomes
from tutelage.experiments.sequential import Arm, interval
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.store import Store
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message, place_of

router = APIRouter(prefix="/v1/operator", tags=["operator"])

HOUR, DAY = 3600.0, 86_400.0
WINDOWS = {1: 60, 24: 48, 168: 56}  # hours looked back: how many windows
EXCERPT = 200

Hours = Annotated[int, Query(ge=1, le=168, description="How far back.")]
Older = Annotated[int, Query(ge=1, le=8760, description="How far back.")]
Policy = Annotated[Name | None, Query(description="Only this policy.")]


@router.get("/traffic")
def get_traffic(
    _operator: OperatorDep, services: ServicesDep, state: StateDep, hours: Hours = 24
) -> Traffic:
    """Requests, tokens, latencies, moderation and feedback, in total and by window."""
    counted = state.counts.get(("traffic", hours), lambda: _traffic(services.store, hours))
    http = HttpResponses(
        since=state.metrics.began,
        statuses=state.metrics.statuses(),
        running=state.metrics.running(),
    )
    return Traffic(**counted, http=http)


@router.get("/answers")
def list_answers(
    _operator: OperatorDep,
    services: ServicesDep,
    hours: Older = 24,
    policy_id: Policy = None,
    kind: Annotated[traffic.Kind, Query(description="Which responses.")] = traffic.Kind.ALL,
    limit: Limit = 50,
    after: After = None,
) -> Page[ResponseItem]:
    """The responses behind the numbers, newest first."""
    until = time.time()
    with services.store.read() as session:
        rows = traffic.answers(
            session, until - hours * HOUR, until, policy_id=policy_id, kind=kind,
            after=after, limit=limit + 1,
        )  # fmt: skip
        texts = _readable(session, [row.id for row in rows])
    data = [
        ResponseItem(**columns(row, ResponseItem) | {"excerpt": texts.get(row.id)})
        for row in rows[:limit]
    ]
    return Page(data=data, has_more=len(rows) > limit)


@router.get("/opinions")
def list_opinions(
    _operator: OperatorDep,
    services: ServicesDep,
    state: StateDep,
    days: Annotated[int, Query(ge=1, le=365, description="How far back.")] = 30,
) -> Opinions:
    """Users' reactions to each policy's responses, with intervals over users."""
    return state.counts.get(("opinions", days), lambda: _opinions(services.store, days))


@router.get("/judgements")
def list_judgements(
    _operator: OperatorDep,
    services: ServicesDep,
    policy_id: Policy = None,
    author_id: Annotated[Name | None, Query(description="Only this user.")] = None,
    hours: Annotated[int | None, Query(ge=1, le=87_600, description="How far back.")] = None,
    kind: FeedbackKind | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[JudgementItem]:
    """The feedback behind the numbers, newest first; withdrawals are separate rows."""
    statement = select(Feedback).order_by(col(Feedback.seq).desc()).limit(limit + 1)
    if policy_id:
        statement = statement.where(Feedback.policy_id == policy_id)
    if author_id:
        statement = statement.where(Feedback.author_id == author_id)
    if hours:
        statement = statement.where(Feedback.created_at >= time.time() - hours * HOUR)
    if kind:
        statement = statement.where(Feedback.kind == kind)
    if after:
        statement = statement.where(Feedback.seq < place_of(Feedback, after))
    with services.store.read() as session:
        rows = list(session.exec(statement))
        chats = col(Conversation.id).in_([row.conversation_id for row in rows])
        open_to_us = set(session.exec(experiments.consented().where(chats)))
        names = people.names(session, [row.author_id for row in rows])
    data = [
        _judgement(row, row.conversation_id in open_to_us, names.get(row.author_id))
        for row in rows[:limit]
    ]
    return Page(data=data, has_more=len(rows) > limit)


def warm(state: AppState) -> None:
    """Count in the background what these pages show first."""
    store = state.services.store
    looks: dict[Hashable, Callable[[], Any]] = {("opinions", 30): partial(_opinions, store, 30)}
    looks |= {("traffic", hours): partial(_traffic, store, hours) for hours in WINDOWS}
    state.counts.warm(looks)


def _traffic(store: Store, hours: int) -> dict[str, Any]:
    until = time.time()
    since = until - hours * HOUR
    with store.read() as session:
        total, windows = traffic.windows(session, since, until, WINDOWS.get(hours, 48))
    return {
        "since": since,
        "until": until,
        "total": TrafficWindow.model_validate(total),
        "windows": [TrafficWindow.model_validate(each) for each in windows],
    }


def _opinions(store: Store, days: int) -> Opinions:
    since = time.time() - days * DAY
    with store.read() as session:
        policies = [version.id for version in deployment.versions(session)]
        found = outcomes.by_policy(session, policies, since)
    said = [_opinion(policy_id, arms) for policy_id, arms in found.items()]
    return Opinions(since=since, policies=[each for each in said if each.failed.count])


def _readable(session: Session, ids: Collection[str]) -> dict[str, str]:
    """The beginnings of the texts that operators may read."""
    statement = (
        select(Message.id, Message.content)
        .join(Conversation)
        .where(col(Message.id).in_(ids), Conversation.training)
    )
    return {name: text[:EXCERPT] for name, text in session.exec(statement)}


def _judgement(row: Feedback, readable: bool, author_name: str | None) -> JudgementItem:
    value = row.value if readable else None
    known = columns(row, JudgementItem) | {"value": value, "author_name": author_name}
    return JudgementItem(**known)


def _opinion(policy_id: str, arms: dict[str, Arm]) -> PolicyOpinion:
    return PolicyOpinion(
        policy_id=policy_id, **{name: _share(arms[name]) for name in outcomes.RATES}
    )


def _share(arm: Arm) -> Proportion:
    if not arm.count:
        return Proportion(mean=None, low=None, high=None, count=0, people=0)
    low, high = interval(arm)
    return Proportion(mean=arm.mean, low=low, high=high, count=arm.count, people=len(arm.people))
