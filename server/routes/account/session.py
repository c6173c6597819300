"""/v1/session: the current session; guest sessions, one-time links, consent, signing out."""

from fastapi import APIRouter, Request, Response

from server.dependencies import AnyoneDep, CallerDep, ServicesDep, StateDep, address_of
from server.http.auth import COOKIE, require_same_origin, set_cookie
from server.http.login_throttle import LoginThrottle
from server.schemas.session import ConsentRequest, SessionState, SignInRequest
from server.services import Services
from tutelage.errors import Forbidden
from tutelage.people import accounts, people
from tutelage.tables import User

router = APIRouter(prefix="/v1/session", tags=["session"])

GUEST = "Guest"


@router.get("")
def get_session(caller: AnyoneDep, services: ServicesDep) -> SessionState:
    """The current session; ``user`` is null without valid credentials."""
    return SessionState.of(services.settings, caller.user if caller else None)


@router.post("")
def sign_in(
    body: SignInRequest,
    request: Request,
    response: Response,
    caller: AnyoneDep,
    services: ServicesDep,
    state: StateDep,
) -> SessionState:
    """Start a guest session, or sign in with a one-time link or with login and password."""
    if "origin" in request.headers:
        require_same_origin(request)
    if body.login is not None:
        user, secret = _by_password(services, state.throttle, body, address_of(request))
    elif body.link is not None:
        user, secret = _exchange(services, body.link)
    elif caller:
        return SessionState.of(services.settings, caller.user)
    else:
        user, secret = _guest(services)
    set_cookie(request, response, secret)
    return SessionState.of(services.settings, user)


@router.patch("")
def change_consent(body: ConsentRequest, caller: CallerDep, services: ServicesDep) -> SessionState:
    """Change whether your new conversations may be used for training."""
    with services.store.write() as session:
        user = people.set_consent(session, caller.user.id, body.training)
    return SessionState.of(services.settings, user)


@router.delete("")
def sign_out(
    request: Request, response: Response, caller: AnyoneDep, services: ServicesDep
) -> SessionState:
    """Sign out: end the browser's session."""
    secret = request.cookies.get(COOKIE)
    if secret and caller and caller.key is None:
        with services.store.write() as session:
            people.end_session(session, secret)
    response.delete_cookie(COOKIE)
    return SessionState.of(services.settings, None)


def _by_password(
    services: Services, throttle: LoginThrottle, body: SignInRequest, address: str
) -> tuple[User, str]:
    login, password = body.login or "", body.password or ""
    throttle.require(login, address)
    try:
        with services.store.read() as session:  # Argon2 is slow
            user = accounts.authenticate(session, login, password)
    except Forbidden:
        throttle.failed(login, address)
        raise
    with services.store.write() as session:
        session.add(user)
        return user, people.create_session(session, user)


def _exchange(services: Services, link: str) -> tuple[User, str]:
    with services.store.write() as session:
        return people.exchange_link(session, link)


def _guest(services: Services) -> tuple[User, str]:
    if not services.settings.guests:
        raise Forbidden("Guest access is disabled; ask the operator for a sign-in link.")
    with services.store.write() as session:
        user = people.create_user(session, GUEST)
        return user, people.create_session(session, user)
