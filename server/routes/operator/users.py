"""/v1/operator/users: roles, keys, quotas and sign-in links of users."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from server.dependencies import After, Limit, OperatorDep, ServicesDep, StateDep
from server.schemas.account import KeyItem, QuotaStanding
from server.schemas.operator.users import (
    SignInLink,
    UserChange,
    UserItem,
    UserRequest,
)
from server.schemas.text import Deleted, Name, Page, columns
from tutelage import audit
from tutelage.errors import NotFound
from tutelage.people import accounts, people
from tutelage.people.quota import Quotas
from tutelage.tables import ApiKey, Conversation, Feedback, Purpose, Role, User, place_of
from tutelage.text.folding import fold

router = APIRouter(prefix="/v1/operator", tags=["operator"])


@router.get("/users")
def list_users(
    _operator: OperatorDep,
    services: ServicesDep,
    state: StateDep,
    limit: Limit = 50,
    after: After = None,
    q: Annotated[Name, Query(description="Part of a name.")] = "",
    role: Role | None = None,
) -> Page[UserItem]:
    """Users with accounts, roles or keys, newest first; guests only in a search."""
    statement = select(User).order_by(col(User.seq).desc()).limit(limit + 1)
    if q:
        named = (col(User.folded).contains(fold(q), autoescape=True), col(User.id) == q)
        statement = statement.where(or_(*named))
    else:
        statement = statement.where(people.registered())
    if role:
        statement = statement.where(User.role == role)
    if after:
        statement = statement.where(User.seq < place_of(User, after))
    with services.store.read() as session:
        rows = list(session.exec(statement))
        data = _items(session, state.quotas, rows[:limit])
    return Page(data=data, has_more=len(rows) > limit)


@router.post("/users", status_code=201)
def invite_user(body: UserRequest, operator: OperatorDep, services: ServicesDep) -> SignInLink:
    """Invite a user: create an account with a role, and a one-time sign-in link."""
    with services.store.write() as session:
        user = people.create_user(session, body.name, body.role)
        audit.record(session, operator.user.id, "user.create", user.id, role=body.role.value)
        secret = people.create_link(session, user, operator.user.id)
    return SignInLink(user_id=user.id, path=f"/sign-in?token={secret}")


@router.patch("/users/{user_id}")
def change_user(
    user_id: Name,
    body: UserChange,
    operator: OperatorDep,
    services: ServicesDep,
    state: StateDep,
) -> UserItem:
    """Change a user's role or quota, or disable the account."""
    actor = operator.user.id
    with services.store.write() as session:
        user = accounts.get(session, user_id)
        if body.role is not None:
            accounts.set_role(session, user_id, body.role, actor)
        if body.disabled is not None:
            accounts.set_disabled(session, user_id, body.disabled, actor)
        if body.quota is not None or body.role_quota:
            user.quota = body.quota.model_dump() if body.quota else None
            session.add(user)
            audit.record(session, actor, "user.quota", user_id, quota=user.quota)
        session.flush()
        return _items(session, state.quotas, [user])[0]


@router.post("/users/{user_id}/link", status_code=201)
def make_link(user_id: Name, operator: OperatorDep, services: ServicesDep) -> SignInLink:
    """Create a one-time sign-in link for a user, for example after a lost password."""
    with services.store.write() as session:
        user = accounts.get(session, user_id)
        secret = people.create_link(session, user, operator.user.id)
    return SignInLink(user_id=user.id, path=f"/sign-in?token={secret}")


@router.delete("/keys/{key_id}")
def revoke_any_key(key_id: Name, operator: OperatorDep, services: ServicesDep) -> Deleted:
    """Revoke any user's key, immediately."""
    with services.store.write() as session:
        if session.get(ApiKey, key_id) is None:
            raise NotFound(f"Key {key_id!r} not found.")
        people.revoke_key(session, key_id, operator.user.id)
    return Deleted(id=key_id)


def _items(session: Session, quotas: Quotas, users: list[User]) -> list[UserItem]:
    ids = [user.id for user in users]
    chats = select(Conversation.owner_id, func.count()).where(
        col(Conversation.owner_id).in_(ids), Conversation.purpose == Purpose.CHAT
    )
    said = select(Feedback.author_id, func.count()).where(col(Feedback.author_id).in_(ids))
    conversations = Counter(dict(session.exec(chats.group_by(Conversation.owner_id)).all()))
    judgements = Counter(dict(session.exec(said.group_by(Feedback.author_id)).all()))
    return [
        UserItem(
            **columns(user, UserItem)
            | {
                "consented": user.consented_at is not None,
                "conversations": conversations[user.id],
                "feedback": judgements[user.id],
                "quota": QuotaStanding.of(quotas.state(session, user)),
                "own_quota": user.quota is not None,
                "keys": [KeyItem.model_validate(k) for k in accounts.keys_of(session, user.id)],
            }
        )
        for user in users
    ]
