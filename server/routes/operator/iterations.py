"""/v1/operator/iterations: feedback iterations, queued for the worker, with their curves."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from server import iteration_metrics
from server.dependencies import OperatorDep, ServicesDep
from server.schemas.operator.operator import (
    IterationDetail,
    IterationItem,
    IterationRequest,
    LadderItem,
    LadderRequest,
)
from server.schemas.text import Name, Page
from server.services import Services
from tutelage.errors import NotFound, Unavailable
from tutelage.iteration_folder import IterationFolder
from tutelage.iterations import iterations, schedule, starting_point
from tutelage.labeling import rungs
from tutelage.people import teams
from tutelage.store import Lock, exclude
from tutelage.tables import new_id

router = APIRouter(prefix="/v1/operator/iterations", tags=["operator"])

# The report is a file that training wrote: it may draw, and nothing else.
_REPORT_HEADERS = {
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
}


@router.get("")
def list_iterations(_operator: OperatorDep, services: ServicesDep) -> Page[IterationItem]:
    """All iterations, newest first."""
    with services.store.read() as session:
        rows = iterations.listed(session)
    return Page(data=[IterationItem.model_validate(row) for row in rows])


@router.post("", status_code=201)
def request_iteration(
    body: IterationRequest, operator: OperatorDep, services: ServicesDep
) -> IterationItem:
    """Queue an iteration on the current policy; `tutelage worker` runs it.

    It starts from an undecided challenger and ends its trial where the schedule says so.
    """
    with services.store.write() as session:
        exclude(session, Lock.PRIVILEGED)
        team = teams.get(session, body.team_id) if body.team_id else None
        team_id = team.id if team else None
        start = starting_point.of_next(session, schedule.in_force(session, team_id), team_id)
        if start is None:
            raise Unavailable("No policy is promoted; `tutelage setup` creates the base policy.")
        row = iterations.request(
            session, body.preset, start.parent, new_id("request"), operator.user.id, start.current,
            team_id,
        )  # fmt: skip
    return IterationItem.model_validate(row)


@router.get("/{iteration_id}")
def get_iteration(
    iteration_id: Name, _operator: OperatorDep, services: ServicesDep
) -> IterationDetail:
    """One iteration with its curves so far."""
    with services.store.read() as session:
        row = iterations.get(session, iteration_id)
    folder = IterationFolder(services.iterations / row.id)
    report = f"/v1/operator/iterations/{row.id}/report"
    return IterationDetail(
        **IterationItem.model_validate(row).model_dump(),
        stages=iteration_metrics.stages(folder),
        report=report if folder.report.is_file() else None,
    )


@router.post("/{iteration_id}/cancel")
def cancel_iteration(
    iteration_id: Name, operator: OperatorDep, services: ServicesDep
) -> IterationItem:
    """Stop a queued or running iteration."""
    with services.store.write() as session:
        row = iterations.cancel(session, iteration_id, operator.user.id)
    return IterationItem.model_validate(row)


@router.get("/{iteration_id}/ladder")
def get_ladder(iteration_id: Name, _operator: OperatorDep, services: ServicesDep) -> LadderItem:
    """What people prefer among the rungs of an iteration's ladder."""
    with services.store.read() as session:
        choice = rungs.choice(session, iterations.get(session, iteration_id))
    return LadderItem.model_validate(choice)


@router.post("/{iteration_id}/ladder", status_code=202)
def compare_ladder(
    iteration_id: Name, body: LadderRequest, operator: OperatorDep, services: ServicesDep
) -> LadderItem:
    """Have rungs and the current policy respond, for labelers to rank blind.

    A worker writes the responses. `tutelage ladder publish` publishes the rung that wins.
    """
    with services.store.write() as session:
        rungs.request(
            session, iteration_id, body.rungs, body.prompts, body.overlap, operator.user.id
        )
        choice = rungs.choice(session, iterations.get(session, iteration_id))
    return LadderItem.model_validate(choice)


@router.get("/{iteration_id}/report", response_class=FileResponse)
def get_report(iteration_id: Name, _operator: OperatorDep, services: ServicesDep) -> FileResponse:
    """The HTML report."""
    path = _report_path(services, iteration_id)
    if not path.is_file():
        raise NotFound(f"{iteration_id} has no report yet.")
    return FileResponse(path, media_type="text/html", headers=_REPORT_HEADERS)


def _report_path(services: Services, iteration_id: str) -> Path:
    with services.store.read() as session:
        row = iterations.get(session, iteration_id)
    return IterationFolder(services.iterations / row.id).report
