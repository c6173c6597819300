"""/v1/session: who am I; guest sessions, one-time links, consent, signing out."""

from fastapi import APIRouter, Request, Response

from server.auth import COOKIE, require_same_origin, set_cookie
from server.dependencies import AnyoneDep, CallerDep, ServicesDep
from server.schemas.session import ConsentRequest, SessionState, SessionUser, SignInRequest
from server.services import Services
from tutelage import people
from tutelage.errors import Forbidden
from tutelage.tables import User

router = APIRouter(prefix="/v1/session", tags=["session"])

GUEST = "Guest"


@router.get("")
def get_session(caller: AnyoneDep, services: ServicesDep) -> SessionState:
    """Who am I? ``user`` is null for somebody unknown."""
    return _state(services, caller.user if caller else None)


@router.post("")
def sign_in(
    body: SignInRequest,
    request: Request,
    response: Response,
    caller: AnyoneDep,
    services: ServicesDep,
) -> SessionState:
    """Begin a guest session, or exchange a one-time sign-in link for a session."""
    if "origin" in request.headers:
        require_same_origin(request)
    if body.link is None and caller:
        return _state(services, caller.user)
    user, secret = _exchange(services, body.link) if body.link else _guest(services)
    set_cookie(request, response, secret)
    return _state(services, user)


@router.patch("")
def change_consent(body: ConsentRequest, caller: CallerDep, services: ServicesDep) -> SessionState:
    """Whether new conversations of this person may be trained on."""
    with services.store.write() as session:
        user = people.set_consent(session, caller.user.id, body.training)
    return _state(services, user)


@router.delete("")
def sign_out(
    request: Request, response: Response, caller: AnyoneDep, services: ServicesDep
) -> SessionState:
    """Forget the browser's session."""
    secret = request.cookies.get(COOKIE)
    if secret and caller and caller.key is None:
        with services.store.write() as session:
            people.end_session(session, secret)
    response.delete_cookie(COOKIE)
    return _state(services, None)


def _exchange(services: Services, link: str) -> tuple[User, str]:
    with services.store.write() as session:
        return people.exchange_link(session, link)


def _guest(services: Services) -> tuple[User, str]:
    if not services.settings.guests:
        raise Forbidden("Guests are not admitted here; ask the operator for a sign-in link.")
    with services.store.write() as session:
        user = people.create_user(session, GUEST)
        return user, people.create_session(session, user)


def _state(services: Services, user: User | None) -> SessionState:
    return SessionState(user=_person(user) if user else None, guests=services.settings.guests)


def _person(user: User) -> SessionUser:
    consented = user.consented_at is not None
    return SessionUser(
        id=user.id, name=user.name, role=user.role, training=user.training, consented=consented
    )
