"""/v1/account: sign-up, name and password, API keys, data export, deletion."""

import time

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, col, func, select

from server.chat import taught
from server.dependencies import (
    AnyoneDep,
    PersonDep,
    ServicesDep,
    StateDep,
    address_of,
)
from server.http.auth import COOKIE, require_same_origin, set_cookie
from server.schemas.account import (
    Account,
    AccountChange,
    ErasureRequest,
    KeyItem,
    KeyRequest,
    NewKey,
    QuotaStanding,
    SignUpRequest,
)
from server.schemas.session import SessionState
from server.schemas.text import Deleted, Name, Page, columns
from tutelage.errors import Conflict, Forbidden, Invalid, NotFound
from tutelage.feedback import feedback
from tutelage.people import accounts, erasure, people, portability
from tutelage.people.quota import QuotaState
from tutelage.tables import Conversation, Identity, Purpose, Role, Scope, User

router = APIRouter(prefix="/v1/account", tags=["account"])

_NEEDS_ROLE = {Scope.LABEL: (Role.LABELER, Role.OPERATOR), Scope.OPERATE: (Role.OPERATOR,)}


@router.post("", status_code=201)
def sign_up(
    body: SignUpRequest,
    request: Request,
    response: Response,
    caller: AnyoneDep,
    services: ServicesDep,
    state: StateDep,
) -> SessionState:
    """Create an account and sign in. A guest who is signed in keeps their conversations."""
    if "origin" in request.headers:
        require_same_origin(request)
    if not services.settings.sign_up:
        raise Forbidden("Sign-up is disabled; ask the operator for a sign-in link.")
    state.throttle.require(body.login, address_of(request))
    taught.require_unblocked(services, state.metrics, body.login, "login")
    guest = caller.user if caller and caller.key is None else None
    password_hash = accounts.new_hash(body.login, body.password)
    try:
        with services.store.write() as session:
            user = accounts.sign_up(session, body.login, password_hash, guest)
            accounts.end_sessions(session, user.id)
            secret = people.create_session(session, user)
    except Conflict:
        state.throttle.failed(body.login, address_of(request))  # guessing logins is throttled too
        raise
    set_cookie(request, response, secret)
    return SessionState.of(services.settings, user)


@router.get("")
def get_account(caller: PersonDep, services: ServicesDep, state: StateDep) -> Account:
    """Your account, and what is left of today's quota."""
    with services.store.read() as session:
        user = accounts.get(session, caller.user.id)
        return _account(session, user, state.quotas.state(session, user))


@router.patch("")
def change_account(
    body: AccountChange,
    request: Request,
    response: Response,
    caller: PersonDep,
    services: ServicesDep,
    state: StateDep,
) -> SessionState:
    """Change your name or password. A new password signs out all other browsers."""
    login, address = caller.user.login or caller.user.id, address_of(request)
    state.throttle.require(login, address)
    taught.require_unblocked(services, state.metrics, body.name or "", "name")
    password_hash = None
    try:
        if body.password is not None:
            password_hash = accounts.replacing_hash(caller.user, body.password, body.old_password)
    except Forbidden:
        state.throttle.failed(login, address)
        raise
    with services.store.write() as session:
        user = accounts.get(session, caller.user.id)
        if body.name is not None:
            accounts.rename(session, user, body.name)
        if password_hash is not None:
            accounts.change_password(session, user, password_hash)
            set_cookie(request, response, people.create_session(session, user))
    return SessionState.of(services.settings, user)


@router.get("/data")
def download_data(caller: PersonDep, services: ServicesDep) -> Response:
    """Everything that is stored about you, as JSON."""
    with services.store.read() as session:
        content = portability.everything_of(session, caller.user.id)
    headers = {"content-disposition": 'attachment; filename="tutelage-data.json"'}
    return Response(portability.as_json(content), media_type="application/json", headers=headers)


@router.post("/erasure")
def erase_account(
    body: ErasureRequest, response: Response, caller: PersonDep, services: ServicesDep
) -> Deleted:
    """Delete the account with its conversations, feedback and keys, permanently."""
    if body.confirm.strip().casefold() != (caller.user.login or caller.user.name).casefold():
        raise Invalid("Enter the account's name to confirm.", "confirm")
    erasure.erase_user(services.store, services.iterations, caller.user.id)
    response.delete_cookie(COOKIE)
    return Deleted(id=caller.user.id)


@router.get("/keys")
def list_keys(caller: PersonDep, services: ServicesDep) -> Page[KeyItem]:
    """Your API keys, newest first, without their secrets."""
    with services.store.read() as session:
        keys = accounts.keys_of(session, caller.user.id)
    return Page(data=[KeyItem.model_validate(key) for key in keys])


@router.post("/keys", status_code=201)
def create_key(body: KeyRequest, caller: PersonDep, services: ServicesDep) -> NewKey:
    """Create a key; its secret is only in this response."""
    _require_role(caller.user, body.scopes)
    expires = time.time() + body.days * 86_400 if body.days else None
    with services.store.write() as session:
        user = accounts.get(session, caller.user.id)
        if user.login is None and user.role == Role.USER:
            raise Forbidden("Guests cannot create API keys: sign up first.")
        key, secret = people.create_key(
            session, user, body.name, body.training, user.id, body.scopes, expires
        )
    return NewKey(**columns(key, KeyItem), secret=secret)


@router.delete("/keys/{key_id}")
def revoke_key(key_id: Name, caller: PersonDep, services: ServicesDep) -> Deleted:
    """Revoke a key, immediately."""
    with services.store.write() as session:
        if key_id not in {key.id for key in accounts.keys_of(session, caller.user.id)}:
            raise NotFound(f"You have no key {key_id!r}.")
        people.revoke_key(session, key_id, caller.user.id)
    return Deleted(id=key_id)


def _account(session: Session, user: User, quota_state: QuotaState) -> Account:
    chats = select(func.count()).where(
        Conversation.owner_id == user.id, Conversation.purpose == Purpose.CHAT
    )
    vouching = select(Identity.issuer).where(Identity.user_id == user.id)
    return Account(
        **columns(user, Account)
        | {
            "has_password": user.password_hash is not None,
            "providers": list(session.exec(vouching.order_by(col(Identity.issuer)))),
            "quota": QuotaStanding.of(quota_state),
            "conversations": session.exec(chats).one(),
            "feedback": len(feedback.of_author(session, user.id)),
        }
    )


def _require_role(user: User, scopes: list[Scope]) -> None:
    for scope in scopes:
        if user.role not in _NEEDS_ROLE.get(scope, tuple(Role)):
            raise Forbidden(f"Your role does not allow the scope {scope.value}.", "scopes")
