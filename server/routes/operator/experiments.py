"""/v1/operator/experiments, pins, leaderboard, schedule: which users get which policy, and when."""

import time
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, col, select

from server.dependencies import OperatorDep, ServicesDep, StateDep
from server.schemas.operator.experiments import (
    BoardItem,
    ExperimentItem,
    ExperimentShare,
    ExperimentStart,
    ForecastItem,
    ForecastRow,
    Pin,
    PinRequest,
    RatingItem,
    ScheduleItem,
    ScheduleRequest,
    ScheduleState,
    ShadowItem,
)
from server.schemas.text import Name, Page
from server.services import Services
from tutelage.errors import Conflict
from tutelage.experiments import experiments, leaderboard, looks
from tutelage.iterations import schedule
from tutelage.people import teams
from tutelage.tables import Experiment, Message, PolicyPin, Schedule, ShadowResponse

router = APIRouter(prefix="/v1/operator", tags=["operator"])

SHADOWS_SHOWN = 50


@router.get("/experiments")
def list_experiments(_operator: OperatorDep, services: ServicesDep) -> Page[ExperimentItem]:
    """All trials, newest first; the running one with its results so far."""
    with services.store.read() as session:
        rows = [_with_news(session, row) for row in experiments.listed(session)]
    return Page(data=rows)


@router.post("/experiments", status_code=201)
async def start_experiment(
    body: ExperimentStart, operator: OperatorDep, services: ServicesDep, state: StateDep
) -> ExperimentItem:
    """Start a trial of a policy: as a canary for a share of users, or as a shadow."""
    row = await run_in_threadpool(_start, services, body, operator.user.id)
    await state.policies.refresh()
    return ExperimentItem.model_validate(row)


@router.get("/experiments/forecast")
def forecast_experiment(
    _operator: OperatorDep,
    services: ServicesDep,
    days: Annotated[float, Query(gt=0, le=365)] = experiments.Rules.days,
    team_id: Annotated[Name | None, Query(description="A trial of this team's policy.")] = None,
) -> ForecastItem:
    """How long a trial that began now would take, by how many users prefer the policy."""
    alpha = experiments.Rules().alpha_of_comparisons
    with services.store.read() as session:
        found = looks.forecast(session, alpha, days, team_id=team_id)
    rows = [ForecastRow(lead=lead, **asdict(power)) for lead, power in found.by_lead.items()]
    return ForecastItem(people=found.people, comparisons=found.comparisons, days=days, by_lead=rows)


@router.get("/experiments/{experiment_id}")
def get_experiment(
    experiment_id: Name, _operator: OperatorDep, services: ServicesDep
) -> ExperimentItem:
    """One trial, with its results so far."""
    with services.store.read() as session:
        return _with_news(session, experiments.get(session, experiment_id))


@router.get("/experiments/{experiment_id}/shadows")
def list_shadows(
    experiment_id: Name, _operator: OperatorDep, services: ServicesDep
) -> Page[ShadowItem]:
    """The newest shadow responses and the responses that were shown instead.

    Only conversations that allow training are listed.
    """
    with services.store.read() as session:
        experiments.get(session, experiment_id)
        return Page(data=_shadows(session, experiment_id))


@router.post("/experiments/{experiment_id}/share")
async def change_share(
    experiment_id: Name,
    body: ExperimentShare,
    operator: OperatorDep,
    services: ServicesDep,
    state: StateDep,
) -> ExperimentItem:
    """Change the share of users in a trial."""

    def change() -> Experiment:
        with services.store.write() as session:
            return experiments.set_share(session, experiment_id, body.share, operator.user.id)

    row = await run_in_threadpool(change)
    await state.policies.refresh()
    return ExperimentItem.model_validate(row)


@router.post("/experiments/{experiment_id}/{act}")
async def end_experiment(
    experiment_id: Name,
    act: experiments.Ending,
    operator: OperatorDep,
    services: ServicesDep,
    state: StateDep,
) -> ExperimentItem:
    """End a trial: promote the policy, roll it back, or stop undecided."""

    def end() -> Experiment:
        with services.store.write() as session:
            reasons = ["An operator decided."]
            return experiments.end(session, experiment_id, act, operator.user.id, reasons)

    row = await run_in_threadpool(end)
    await state.policies.refresh()
    return ExperimentItem.model_validate(row)


@router.get("/pins")
def list_pins(_operator: OperatorDep, services: ServicesDep) -> Page[Pin]:
    """Users who are pinned to one policy."""
    with services.store.read() as session:
        rows = session.exec(select(PolicyPin).order_by(col(PolicyPin.seq).desc())).all()
    return Page(data=[Pin.model_validate(row) for row in rows])


@router.put("/pins/{user_id}")
async def pin(
    user_id: Name,
    body: PinRequest,
    operator: OperatorDep,
    services: ServicesDep,
    state: StateDep,
) -> Pin:
    """Pin a user to the current policy or to the one on trial."""

    def write() -> PolicyPin:
        with services.store.write() as session:
            return experiments.pin(session, user_id, body.policy_id, operator.user.id)

    row = await run_in_threadpool(write)
    await state.policies.refresh()
    return Pin.model_validate(row)


@router.delete("/pins/{user_id}", status_code=204, response_class=Response)
def unpin(user_id: Name, operator: OperatorDep, services: ServicesDep) -> None:
    """Remove a pin: the user is assigned by hash again."""
    with services.store.write() as session:
        experiments.unpin(session, user_id, operator.user.id)


@router.get("/leaderboard")
def get_leaderboard(_operator: OperatorDep, services: ServicesDep) -> list[BoardItem]:
    """Elo ratings of the policies, by users' comparisons and by the gate's reward models."""
    with services.store.read() as session:
        comparisons = {
            leaderboard.PEOPLE: leaderboard.user_comparisons(session),
            leaderboard.GATE: leaderboard.gate_comparisons(session, services.iterations),
        }
    boards = [leaderboard.board(source, tuple(rows)) for source, rows in comparisons.items()]
    return [
        BoardItem(
            source=board.source,
            ratings=[RatingItem(**asdict(rating)) for rating in board.ratings],
            elo_of_ten_words=board.elo_of_ten_words,
        )
        for board in boards
    ]


@router.get("/schedule")
def get_schedule(
    _operator: OperatorDep,
    services: ServicesDep,
    team_id: Annotated[Name | None, Query(description="Of this team; omitted: everyone's.")] = None,
) -> ScheduleState:
    """The active schedule and the next start."""
    with services.store.read() as session:
        return _schedule(session, team_id)


@router.put("/schedule")
def set_schedule(
    body: ScheduleRequest, operator: OperatorDep, services: ServicesDep
) -> ScheduleState:
    """Start iterations on a cron schedule, after a number of new ratings, or both."""
    with services.store.write() as session:
        if body.team_id:
            teams.get(session, body.team_id)
        schedule.set_schedule(session, Schedule(**body.model_dump(), author_id=operator.user.id))
        return _schedule(session, body.team_id)


def _start(services: Services, body: ExperimentStart, actor: str) -> Experiment:
    if body.policy_id in services.library.ids():
        problems = services.library.verify(body.policy_id)
        if problems:
            raise Conflict(f"{body.policy_id} is damaged and was not put on trial: {problems[0]}")
        services.library.require_weights(body.policy_id)
    rules = experiments.as_rules(dict(body.rules))
    with services.store.write() as session:
        return experiments.start(
            session, body.policy_id, actor, body.kind, body.share,
            body.side_by_side, body.automatic, rules, body.explanation,
        )  # fmt: skip


def _with_news(session: Session, row: Experiment) -> ExperimentItem:
    item = ExperimentItem.model_validate(row)
    if row.ended_at is None:
        found = experiments.known(row, experiments.measured(session, row))
        item.verdict = {name: asdict(value) for name, value in found.items()}
    return item


def _shadows(session: Session, experiment_id: str) -> list[ShadowItem]:
    newest = (
        select(ShadowResponse, Message)
        .join(Message)
        .where(ShadowResponse.experiment_id == experiment_id)
        .where(col(Message.conversation_id).in_(experiments.consented()))
        .order_by(col(ShadowResponse.seq).desc())
        .limit(SHADOWS_SHOWN)
    )
    return [
        ShadowItem(
            message_id=shown.id,
            prompt=prompt.content if (prompt := session.get(Message, shown.parent_id)) else "",
            shown=shown.content,
            shadow=row.content,
            action=row.action,
            score=row.score,
            shown_score=row.shown_score,
            created_at=row.created_at,
        )
        for row, shown in session.exec(newest)
    ]


def _schedule(session: Session, team_id: str | None) -> ScheduleState:
    row = schedule.in_force(session, team_id)
    return ScheduleState(
        schedule=ScheduleItem.model_validate(row) if row else None,
        next_at=schedule.next_at(session, row, time.time()) if row else None,
        judgements=schedule.feedback_since(session, team_id),
    )
