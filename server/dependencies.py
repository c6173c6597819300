"""What routes ask for in their signatures."""

from typing import Annotated

from fastapi import Depends, Query, Request

from server.chat.turn import Turns
from server.http.auth import Caller, identify, refused, require_scope
from server.http.errors import ApiError
from server.http.login_throttle import Throttle
from server.http.metrics import Metrics
from server.http.rate_limit import Limits
from server.labeling.candidates import Alternatives
from server.policy_watcher import Deployed
from server.schemas.text import Name
from server.services import Services
from tutelage.errors import Forbidden
from tutelage.people.quota import Quotas
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


def _limits(request: Request) -> Limits:
    limits: Limits = request.app.state.limits
    return limits


def _quotas(request: Request) -> Quotas:
    quotas: Quotas = request.app.state.quotas
    return quotas


def _throttle(request: Request) -> Throttle:
    throttle: Throttle = request.app.state.throttle
    return throttle


def _alternatives(request: Request) -> Alternatives:
    alternatives: Alternatives = request.app.state.alternatives
    return alternatives


ServicesDep = Annotated[Services, Depends(_services)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
DeployedDep = Annotated[Deployed, Depends(_deployed)]
TurnsDep = Annotated[Turns, Depends(_turns)]
QuotasDep = Annotated[Quotas, Depends(_quotas)]
AlternativesDep = Annotated[Alternatives, Depends(_alternatives)]
ThrottleDep = Annotated[Throttle, Depends(_throttle)]


def _anyone(request: Request, services: ServicesDep) -> Caller | None:
    """Who asks, if anybody known; their request counts for their rate limit either way."""
    limits = _limits(request)
    try:
        caller = identify(request, services.store)
    except ApiError:
        limits.take(address_of(request))
        raise
    who = caller.limited_as if caller else address_of(request)
    request.state.headers.update(limits.take(who))
    return caller


def address_of(request: Request) -> str:
    """Where a request came from, as limits count it."""
    return f"address:{request.client.host if request.client else ''}"


AnyoneDep = Annotated[Caller | None, Depends(_anyone)]


def _caller(request: Request, caller: AnyoneDep) -> Caller:
    if caller is None:
        raise refused()
    require_scope(request, caller)
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]


def _person(caller: AnyoneDep) -> Caller:
    if caller is None:
        raise refused()
    if caller.key is not None:
        raise Forbidden("Accounts are managed in the web UI, signed in, and not with a key.")
    return caller


def _chatter(
    request: Request, caller: CallerDep, services: ServicesDep, quotas: QuotasDep
) -> Caller:
    request.state.headers.update(_limits(request).require_tokens(caller.limited_as))
    with services.store.read() as session:
        quotas.require(session, caller.user)
    return caller


def _labeler(caller: CallerDep) -> Caller:
    if caller.user.role not in (Role.LABELER, Role.OPERATOR):
        raise Forbidden("Only labelers may do this.")
    return caller


def _operator(caller: CallerDep) -> Caller:
    if caller.user.role != Role.OPERATOR:
        raise Forbidden("Only operators may do this.")
    return caller


PersonDep = Annotated[Caller, Depends(_person)]  # signed in with a browser
ChatterDep = Annotated[Caller, Depends(_chatter)]  # who has tokens left, of minute and day
LabelerDep = Annotated[Caller, Depends(_labeler)]
OperatorDep = Annotated[Caller, Depends(_operator)]

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
After = Annotated[Name | None, Query(description="The last id of the page before.")]
