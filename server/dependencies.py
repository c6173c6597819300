"""What routes ask for in their signatures."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool

from server.app_state import AppState
from server.http import sites
from server.http.auth import Caller, identify, refused, require_scope
from server.http.errors import ApiError
from server.openai.models import named_policy
from server.schemas.text import Name, storable
from server.services import Services
from tutelage.errors import Forbidden, Invalid
from tutelage.people.site_keys import SiteRules
from tutelage.tables import ApiKey, Role, User


def _state(request: Request) -> AppState:
    state: AppState = request.app.state.tutelage
    return state


StateDep = Annotated[AppState, Depends(_state)]


def _services(state: StateDep) -> Services:
    return state.services


ServicesDep = Annotated[Services, Depends(_services)]


def _anyone(request: Request, state: StateDep) -> Caller | None:
    """The caller, if known; the request counts towards a rate limit either way."""
    try:
        caller = identify(request, state.services.store)
    except ApiError:
        state.limits.take(address_of(request))
        raise
    if caller and caller.key and caller.site:
        return _visitor(request, state, caller.key, caller.site)
    counted_as = caller.limited_as if caller else address_of(request)
    request.state.headers.update(state.limits.take(counted_as))
    return caller


def _visitor(request: Request, state: AppState, key: ApiKey, rules: SiteRules) -> Caller:
    """Whoever uses a page of another site, within the limits of the page's key."""
    one = f"{key.id} {address_of(request)}"
    request.state.headers.update(state.limits.take(one, rules.visitor_per_minute))
    state.limits.take(key.id, rules.per_minute)
    sites.require_page(request, rules)
    return sites.visiting(request, state.services.store, key)


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
        raise Forbidden("API keys cannot manage accounts; sign in to the web UI instead.")
    return caller


def _chatter(request: Request, caller: CallerDep, state: StateDep) -> Caller:
    request.state.headers.update(state.limits.require_tokens(caller.limited_as))
    with state.services.store.read() as session:
        if caller.key and caller.site:
            owner = session.get_one(User, caller.key.user_id)
            state.quotas.require(session, owner, caller.site.quota)
            state.quotas.require(session, caller.user, caller.site.visitor_quota)
        else:
            state.quotas.require(session, caller.user)
    return caller


def _labeler(caller: CallerDep) -> Caller:
    if caller.user.role not in (Role.LABELER, Role.OPERATOR):
        raise Forbidden("Labelers only.")
    return caller


def _operator(caller: CallerDep) -> Caller:
    if caller.user.role != Role.OPERATOR:
        raise Forbidden("Operators only.")
    return caller


PersonDep = Annotated[Caller, Depends(_person)]  # signed in with a browser
ChatterDep = Annotated[Caller, Depends(_chatter)]  # within the limits of the minute and the day
LabelerDep = Annotated[Caller, Depends(_labeler)]
OperatorDep = Annotated[Caller, Depends(_operator)]


async def _policy(request: Request, caller: ChatterDep, services: ServicesDep) -> str | None:
    """The policy that the body names: an unknown one is told before all other faults."""
    try:
        model = storable((await request.json())["model"])
    except (ValueError, TypeError, LookupError, AttributeError):
        return None  # the body's own check finds out what is wrong
    return await run_in_threadpool(named_policy, services, caller, model)


PolicyDep = Annotated[str | None, Depends(_policy)]  # None: the current one


def _training(
    header: Annotated[
        str | None,
        Header(
            alias="x-tutelage-training",
            description="`off` excludes this conversation from training.",
        ),
    ] = None,
) -> bool:
    if header is None or header.strip().lower() == "on":
        return True
    if header.strip().lower() == "off":
        return False
    raise Invalid("x-tutelage-training must be `on` or `off`.", "x-tutelage-training")


TrainingDep = Annotated[bool, Depends(_training)]  # False: this call switches training off

Limit = Annotated[int, Query(ge=1, le=200, description="Page size.")]
After = Annotated[Name | None, Query(description="The last id of the previous page.")]
