"""Keys, sessions and links work as long as they should, and their secrets are not kept."""

import time

import pytest
import sqlalchemy

from tutelage.errors import Forbidden
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import Role, SignIn, User


@pytest.fixture
def ada(any_store: Store) -> User:
    with any_store.write() as session:
        return people.create_user(session, "ada", Role.OPERATOR)


def test_a_key_opens_until_it_is_revoked(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        key, secret = people.create_key(session, ada, "laptop")
        found = people.authenticate_key(session, secret)
        assert found is not None and found[1].id == ada.id
        people.revoke_key(session, key.id, "ada")
        assert people.authenticate_key(session, secret) is None


def test_no_secret_is_stored(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        secrets = [
            people.create_key(session, ada, "laptop")[1],
            people.create_link(session, ada),
            people.create_session(session, ada),
        ]
    with any_store.engine.connect() as connection:
        rows = [
            str(connection.execute(sqlalchemy.text(f'SELECT * FROM "{table}"')).all())
            for table in ("apikey", "signin", "auditevent")
        ]
    assert not [secret for secret in secrets if secret in "".join(rows)]


def test_a_link_works_once(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        link = people.create_link(session, ada)
        user, cookie = people.exchange_link(session, link)
        assert user.id == ada.id
        assert people.authenticate_session(session, cookie) is not None
        with pytest.raises(Forbidden, match="already used"):
            people.exchange_link(session, link)


def test_a_link_is_no_session(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        assert people.authenticate_session(session, people.create_link(session, ada)) is None


def test_sessions_end(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        cookie = people.create_session(session, ada)
        people.end_session(session, cookie)
        assert people.authenticate_session(session, cookie) is None


def test_expired_sessions_neither_open_nor_stay(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        cookie = people.create_session(session, ada)
        session.execute(sqlalchemy.update(SignIn).values(expires_at=time.time() - 1))
        session.expire_all()
        assert people.authenticate_session(session, cookie) is None
        people.forget_expired(session)
        session.flush()
        assert session.execute(sqlalchemy.select(SignIn)).all() == []
