"""What routes ask for in their signatures."""

from typing import Annotated

from fastapi import Depends, Query, Request

from server.auth import Caller, identify, refused
from server.deployed import Deployed
from server.errors import ApiError
from server.limits import Limits
from server.metrics import Metrics
from server.schemas.text import Name
from server.services import Services
from server.turn import Turns
from tutelage.errors import Forbidden
from tutelage.tables import Role


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


def _deployed(request: Request) -> Deployed:
    deployed: Deployed = request.app.state.deployed
    return deployed


def _turns(request: Request) -> Turns:
    turns: Turns = request.app.state.turns
    return turns


ServicesDep = Annotated[Services, Depends(_services)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
DeployedDep = Annotated[Deployed, Depends(_deployed)]
TurnsDep = Annotated[Turns, Depends(_turns)]


def _anyone(request: Request, services: ServicesDep) -> Caller | None:
    """Who asks, if anybody known; their request counts for their rate limit either way."""
    limits: Limits = request.app.state.limits
    try:
        caller = identify(request, services.store)
    except ApiError:
        limits.take(_address(request))
        raise
    who = caller.limited_as if caller else _address(request)
    request.state.headers.update(limits.take(who))
    return caller


def _address(request: Request) -> str:
    return f"address:{request.client.host if request.client else ''}"


AnyoneDep = Annotated[Caller | None, Depends(_anyone)]


def _caller(caller: AnyoneDep) -> Caller:
    if caller is None:
        raise refused()
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]


def _operator(caller: CallerDep) -> Caller:
    if caller.user.role != Role.OPERATOR:
        raise Forbidden("Only operators may do this.")
    return caller


OperatorDep = Annotated[Caller, Depends(_operator)]

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
After = Annotated[Name | None, Query(description="The last id of the page before.")]
