"""Users, their API keys and browser sessions. Secrets are shown once and stored as SHA-256."""

import hashlib
import itertools
import secrets
import time
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import Forbidden, NotFound
from tutelage.tables import ApiKey, AuditEvent, Identity, Role, Scope, SignIn, SignInKind, User
from tutelage.text.single_line import single_line

KEY_PREFIX = "tk-"
LINK_SECONDS = 3600.0
SESSION_SECONDS = 180 * 24 * 3600.0
_LAST_USED_RESOLUTION = 60.0


def create_user(
    session: Session, name: str, role: Role = Role.USER, training: bool = False
) -> User:
    """A new person; ``training`` is the consent that their conversations start with."""
    user = User(name=single_line(name), role=role, training=training)
    session.add(user)
    session.flush()
    return user


def registered() -> ColumnElement[bool]:
    """The condition on users with an account, a role or a key: neither guests nor data sets."""
    keyed, vouched = select(ApiKey.user_id), select(Identity.user_id)
    return or_(
        col(User.login).is_not(None),
        col(User.role) != Role.USER,
        col(User.id).in_(keyed),
        col(User.id).in_(vouched),
    )


def free_name(session: Session, name: str) -> str:
    """The name with the lowest number that no user has: "simulated 7"."""
    taken = set(session.exec(select(User.name).where(col(User.name).startswith(f"{name} "))))
    return next(f"{name} {n}" for n in itertools.count(1) if f"{name} {n}" not in taken)


def find_user(session: Session, name: str, role: Role) -> User | None:
    """The oldest user of that name and role."""
    statement = select(User).where(User.name == name, User.role == role).order_by(col(User.seq))
    return session.exec(statement).first()


def names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """The names of those of these ids that are users."""
    statement = select(User.id, User.name).where(col(User.id).in_(set(ids)))
    return dict(session.exec(statement).all())


def key_owner(session: Session, name: str, role: Role) -> User:
    """The owner of the keys of that name that the command line makes: a client, not a person.

    Display names are free to choose, so an account or guest of that name is another person.
    """
    made = select(AuditEvent.subject).where(
        AuditEvent.action == "key.create", AuditEvent.actor == "cli"
    )
    signed_in = select(SignIn.user_id), select(Identity.user_id)
    statement = select(User).where(
        User.name == name,
        User.role == role,
        col(User.login).is_(None),
        col(User.id).in_(select(ApiKey.user_id).where(col(ApiKey.id).in_(made))),
        *(col(User.id).not_in(each) for each in signed_in),
    )
    return session.exec(statement.order_by(col(User.seq))).first() or create_user(
        session, name, role
    )


def set_consent(session: Session, user_id: str, training: bool) -> User:
    """Remember the person's answer; it is the default of conversations that start from now on."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("User not found.")
    user.training = training
    user.consented_at = time.time()
    session.add(user)
    return user


def create_key(
    session: Session,
    user: User,
    name: str,
    training: bool = True,
    actor: str = "system",
    scopes: Sequence[Scope] | None = None,
    expires_at: float | None = None,
) -> tuple[ApiKey, str]:
    """A new API key and its secret, which is not stored and cannot be shown again."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        user_id=user.id,
        name=single_line(name),
        prefix=secret[:9],
        sha256=_sha256(secret),
        training=training,
        scopes=None if scopes is None else sorted(scopes),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    audit.record(session, actor, "key.create", key.id, name=name, role=user.role)
    return key, secret


def authenticate_key(session: Session, secret: str) -> tuple[ApiKey, User] | None:
    """The key and its owner, or nothing when it is unknown, revoked or expired."""
    key = session.exec(select(ApiKey).where(ApiKey.sha256 == _sha256(secret))).first()
    if key is None or key.revoked_at is not None:
        return None
    if key.expires_at is not None and key.expires_at <= time.time():
        return None
    user = _enabled(session, key.user_id)
    return (key, user) if user else None


def touch_key(session: Session, key_id: str) -> None:
    """Remember that the key was used, at most once a minute."""
    key = session.get(ApiKey, key_id)
    now = time.time()
    if key and (key.last_used_at is None or now - key.last_used_at > _LAST_USED_RESOLUTION):
        key.last_used_at = now
        session.add(key)


def revoke_key(session: Session, key_id: str, actor: str) -> None:
    """The key stops working at once."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"API key {key_id!r} not found.")
    key.revoked_at = time.time()
    session.add(key)
    audit.record(session, actor, "key.revoke", key_id)


def create_link(session: Session, user: User, actor: str = "system") -> str:
    """The secret of a sign-in link that works once, within an hour."""
    audit.record(session, actor, "link.create", user.id, role=user.role)
    return _create_sign_in(session, user, SignInKind.LINK, LINK_SECONDS)


def create_session(session: Session, user: User) -> str:
    """The secret that the browser's cookie holds."""
    return _create_sign_in(session, user, SignInKind.SESSION, SESSION_SECONDS)


def exchange_link(session: Session, secret: str) -> tuple[User, str]:
    """Use a sign-in link up: the person, and the secret of a new browser session."""
    row = _sign_in(session, secret, SignInKind.LINK, lock=True)
    user = _enabled(session, row.user_id) if row else None
    if row is None or user is None:
        raise Forbidden(
            "This sign-in link was already used or has expired (1 h). "
            "Create a new one with `tutelage sign-in-link`.",
            "link",
        )
    session.delete(row)
    return user, create_session(session, user)


def authenticate_session(session: Session, secret: str) -> User | None:
    """The person signed in with this cookie, or nothing."""
    row = _sign_in(session, secret, SignInKind.SESSION)
    return _enabled(session, row.user_id) if row else None


def end_session(session: Session, secret: str) -> None:
    """Sign out."""
    row = _sign_in(session, secret, SignInKind.SESSION)
    if row:
        session.delete(row)
        session.flush()


def forget_expired(session: Session) -> None:
    """Drop links and sessions that are past their time."""
    for row in session.exec(select(SignIn).where(col(SignIn.expires_at) < time.time())):
        session.delete(row)


def _enabled(session: Session, user_id: str) -> User | None:
    user = session.get(User, user_id)
    return user if user and user.disabled_at is None else None


def _create_sign_in(session: Session, user: User, kind: SignInKind, seconds: float) -> str:
    secret = secrets.token_urlsafe(32)
    session.add(
        SignIn(sha256=_sha256(secret), user_id=user.id, kind=kind, expires_at=time.time() + seconds)
    )
    session.flush()
    return secret


def _sign_in(session: Session, secret: str, kind: SignInKind, lock: bool = False) -> SignIn | None:
    row = session.get(SignIn, _sha256(secret), with_for_update=lock or None)
    return row if row and row.kind == kind and row.expires_at > time.time() else None


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
