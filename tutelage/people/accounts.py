"""Accounts: sign-up, passwords and identities of OpenID Connect providers.

Passwords are kept as Argon2id hashes. An unknown name takes as much time as a wrong password,
so that timing does not tell which accounts exist.
"""

import time
import unicodedata
from functools import cache

from pwdlib import PasswordHash
from sqlalchemy import or_
from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import Conflict, Forbidden, Invalid, NotFound
from tutelage.people import people
from tutelage.store import Lock, exclude
from tutelage.tables import ApiKey, Identity, Role, SignIn, User
from tutelage.text.single_line import single_line, skeleton

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
LOGIN_LIMIT = 100
WRONG = "The name or the password is wrong."
OFFICIAL = (
    "admin", "administrator", "assistant", "moderator", "operator", "root", "support", "system",
    "tutelage",
)  # fmt: skip
DISABLED = "This account is disabled. Ask the operator of this service."


def new_hash(login: str, password: str) -> str:
    """The Argon2id hash of a password that will do; else Invalid. Slow, so outside of locks."""
    check_password(password, _login(login))
    return _hasher().hash(_composed(password))


def sign_up(
    session: Session, login: str, password_hash: str, guest: User | None = None, name: str = ""
) -> User:
    """A new account; a guest's conversations become the account's.

    Raises Invalid for a name that will not do, Conflict for one that is taken.
    """
    folded = _login(login)
    exclude(session, Lock.NAMES)
    if session.exec(select(User).where(User.login == folded)).first():
        raise _taken(login)
    shown = single_line(name) or login.strip()
    require_distinct(session, login, guest, "login")
    require_distinct(session, shown, guest, "name")
    user = guest if guest and guest.login is None else people.create_user(session, login.strip())
    user.login, user.name = folded, shown
    user.password_hash = password_hash
    session.add(user)
    return user


def by_login(session: Session, login: str) -> User | None:
    """The person who signs in with that name, whatever its case and keyboard."""
    logins = (_folded(login), login.strip().casefold())
    return session.exec(select(User).where(col(User.login).in_(logins))).first()


def authenticate(session: Session, login: str, password: str) -> User:
    """The person of that name and password; slow. Raises Forbidden otherwise.

    A password hash that is out of date is replaced in the row: add it to a write session.
    """
    user = by_login(session, login)
    known = user.password_hash if user else None
    right, better = _verified(password, known or _decoy_hash())
    if user is None or known is None or not right:
        raise Forbidden(WRONG, "password")
    require_enabled(user)
    if better:
        user.password_hash = better
    return user


def replacing_hash(user: User, new: str, old: str | None) -> str:
    """The hash of another password; who has one must know it.

    Raises Forbidden for a wrong old password, Invalid for a new one that will not do.
    """
    if user.login is None:
        raise Invalid("A guest has no password. Sign up first.", "password")
    if user.password_hash and not _verified(old or "", user.password_hash)[0]:
        raise Forbidden("The old password is wrong.", "old_password")
    return new_hash(user.login, new)


def change_password(session: Session, user: User, password_hash: str) -> None:
    """Set another password. All sessions of the user end."""
    user.password_hash = password_hash
    session.add(user)
    end_sessions(session, user.id)


def end_sessions(session: Session, user_id: str) -> None:
    """Sign a person out everywhere."""
    for row in session.exec(select(SignIn).where(SignIn.user_id == user_id)):
        session.delete(row)


def by_identity(session: Session, issuer: str, subject: str, name: str) -> User:
    """The person whom a provider vouches for; their account is made at the first visit."""
    known = session.get(Identity, (issuer, subject))
    if known is None:  # at one's first visit, perhaps in two tabs
        exclude(session, Lock.PRIVILEGED)
        known = session.get(Identity, (issuer, subject))
    user = session.get(User, known.user_id) if known else None
    if user is None:
        user = people.create_user(session, name)
        session.add(Identity(issuer=issuer, subject=subject, user_id=user.id))
    require_enabled(user)
    return user


def rename(session: Session, user: User, name: str) -> None:
    """Change the name that is shown. Raises Conflict for one that looks like another's."""
    line = single_line(name)
    if not line:
        return
    exclude(session, Lock.NAMES)
    require_distinct(session, line, user, "name")
    user.name = line
    session.add(user)


def require_distinct(session: Session, name: str, user: User | None, field: str) -> None:
    """Raises Conflict for a name that looks like that of another account, or like an official one.

    Guests have no name of their own, so theirs may be taken. Labelers and operators may have
    official names.
    """
    has_login = col(User.login).is_not(None)
    internal = or_(col(User.role) != Role.USER, col(User.disabled_at).is_not(None))
    own, looks = user.id if user else None, skeleton(name)
    if (user is None or user.role == Role.USER) and looks in map(skeleton, OFFICIAL):
        raise Conflict(f"{name.strip()!r} looks like an official name. Choose another.", field)
    for other in session.exec(select(User).where(or_(has_login, internal))):
        if other.id != own and looks in map(skeleton, (other.name, other.login or other.name)):
            raise Conflict(f"{name.strip()!r} looks like another name. Choose another.", field)


def require_enabled(user: User) -> None:
    """Raises Forbidden for a disabled account."""
    if user.disabled_at is not None:
        raise Forbidden(DISABLED)


def set_role(session: Session, user_id: str, role: Role, actor: str) -> User:
    """Set a person's role: user, labeler or operator. Raises Conflict for the last operator."""
    exclude(session, Lock.PRIVILEGED)
    user = get(session, user_id)
    if user.role == Role.OPERATOR and role != Role.OPERATOR:
        require_another_operator(session, user)
    audit.record(session, actor, "user.role", user.id, before=user.role, after=role.value)
    user.role = role
    session.add(user)
    return user


def set_disabled(session: Session, user_id: str, disabled: bool, actor: str) -> User:
    """Disable an account, or enable it again. Raises Conflict for the last operator."""
    exclude(session, Lock.PRIVILEGED)
    user = get(session, user_id)
    if disabled and user.role == Role.OPERATOR:
        require_another_operator(session, user)
    audit.record(session, actor, "user.disable" if disabled else "user.enable", user.id)
    user.disabled_at = time.time() if disabled else None
    session.add(user)
    if disabled:
        end_sessions(session, user.id)
    return user


def get(session: Session, user_id: str) -> User:
    """The person. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"User {user_id!r} not found.")
    return user


def keys_of(session: Session, user_id: str) -> list[ApiKey]:
    """A person's API keys, newest first."""
    statement = select(ApiKey).where(ApiKey.user_id == user_id)
    return sorted(session.exec(statement), key=lambda key: key.seq, reverse=True)


def check_password(password: str, login: str) -> None:
    """Raises Invalid for a password that is too short, too long, or easy to guess."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(
            f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            "password",
        )
    if password.casefold() in (login, login * 2) or len(set(password)) < 4:
        raise Invalid("This password is too easy to guess. Choose another.", "password")


def _verified(password: str, known: str) -> tuple[bool, str | None]:
    """Whether the password is right, and a better hash. Old hashes are of passwords as typed."""
    for form in dict.fromkeys((_composed(password), password)):
        right, better = _hasher().verify_and_update(form, known)
        if right:
            return True, better
    return False, None


def _composed(text: str) -> str:
    """The same characters in one way, whatever keyboard they come from (RFC 8265)."""
    return unicodedata.normalize("NFC", text)


def _folded(login: str) -> str:
    return _composed(login.strip().casefold())


def _login(login: str) -> str:
    folded = _folded(login)
    if not 2 <= len(folded) <= LOGIN_LIMIT or any(
        c.isspace() or not c.isprintable() or not single_line(c) for c in folded
    ):
        raise Invalid(f"A name must have 2 to {LOGIN_LIMIT} characters and no spaces.", "login")
    return folded


def _taken(login: str) -> Conflict:
    return Conflict(f"The name {login.strip()!r} is taken. Choose another, or sign in.", "login")


def require_another_operator(session: Session, user: User) -> None:
    others = select(User).where(
        User.role == Role.OPERATOR,
        User.id != user.id,
        User.disabled_at.is_(None),  # type: ignore[union-attr]
    )
    if session.exec(others).first() is None:
        raise Conflict("This is the last operator. Make another user an operator first.")


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _decoy_hash() -> str:
    return _hasher().hash("no account has this password")
