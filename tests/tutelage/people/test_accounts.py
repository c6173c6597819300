"""Accounts: sign-up, passwords, roles; quotas."""

import pytest
from sqlmodel import Session, select

from tutelage.cli.options import settings_for
from tutelage.errors import Conflict, Forbidden, Invalid
from tutelage.people import accounts, people, quota
from tutelage.people.quota import QuotaExceeded, Quotas
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import AuditEvent, Role, User

PASSWORD = "a long enough secret"


def new(session: Session, login: str = "Ada", password: str = PASSWORD) -> User:
    return accounts.sign_up(session, login, accounts.new_hash(login, password))


def test_a_password_is_kept_as_argon2_only(any_store: Store) -> None:
    with any_store.write() as session:
        user = new(session)
        assert user.password_hash and user.password_hash.startswith("$argon2id$")
        assert accounts.authenticate(session, " ADA ", PASSWORD).id == user.id


@pytest.mark.parametrize(("login", "password"), [("ada", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    store: Store, login: str, password: str
) -> None:
    with store.write() as session:
        new(session)
        with pytest.raises(Forbidden, match="name or the password"):
            accounts.authenticate(session, login, password)


def test_a_name_is_taken_whatever_its_capitals(store: Store) -> None:
    with store.write() as session:
        new(session, "Ada")
        with pytest.raises(Conflict, match="taken"):
            new(session, "ADA")


@pytest.mark.parametrize("login", ["\u2800\u2800\u2800", "\u115f\u1160", "ada\u3164"])
def test_a_name_that_cannot_be_seen_is_refused(store: Store, login: str) -> None:
    with store.write() as session, pytest.raises(Invalid):
        new(session, login)


@pytest.mark.parametrize("login", ["admin", "Tute1age", "ѕystem", "Оperator"])
def test_an_official_name_is_refused_to_users(store: Store, login: str) -> None:
    with store.write() as session:
        with pytest.raises(Conflict, match="official"):
            new(session, login)
        boss = people.create_user(session, "boss", Role.OPERATOR)
        accounts.rename(session, boss, login)


def test_each_keyboard_writes_the_same_name_and_password(store: Store) -> None:
    with store.write() as session:
        user = new(session, "Zo\u00eb", "p\u00e4ssword e\u0301")
        found = accounts.authenticate(session, "Zoe\u0308", "pa\u0308ssword \u00e9")
        assert found.id == user.id


def test_a_password_that_was_kept_as_typed_is_still_right(store: Store) -> None:
    with store.write() as session:
        user = new(session)
        user.password_hash = accounts._hasher().hash("pa\u0308ssword")
        assert accounts.authenticate(session, "ada", "pa\u0308ssword").id == user.id


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaa", "ada.lovelace"])
def test_a_poor_password_is_refused(store: Store, password: str) -> None:
    with store.write() as session, pytest.raises(Invalid):
        new(session, "ada.lovelace", password)


def test_a_guest_becomes_an_account_and_keeps_what_is_theirs(store: Store) -> None:
    with store.write() as session:
        guest = people.create_user(session, "Guest")
        assert (
            accounts.sign_up(session, "ada", accounts.new_hash("ada", PASSWORD), guest).id
            == guest.id
        )


def test_a_new_password_needs_the_old_one_and_signs_out(store: Store) -> None:
    with store.write() as session:
        user = new(session)
        secret = people.create_session(session, user)
        with pytest.raises(Forbidden):
            accounts.replacing_hash(user, "another long secret", "wrong")
        changed = accounts.replacing_hash(user, "another long secret", PASSWORD)
        accounts.change_password(session, user, changed)
        session.flush()
        assert people.authenticate_session(session, secret) is None


def test_somebody_disabled_gets_in_nowhere(store: Store) -> None:
    with store.write() as session:
        user = new(session)
        _, key = people.create_key(session, user, "k")
        cookie = people.create_session(session, user)
        accounts.set_disabled(session, user.id, True, "op")
        session.flush()
        assert people.authenticate_key(session, key) is None
        assert people.authenticate_session(session, cookie) is None
        with pytest.raises(Forbidden, match="disabled"):
            accounts.authenticate(session, "ada", PASSWORD)


def test_the_last_operator_stays(store: Store) -> None:
    with store.write() as session:
        one = people.create_user(session, "one", Role.OPERATOR)
        with pytest.raises(Conflict):
            accounts.set_role(session, one.id, Role.USER, "op")
        people.create_user(session, "two", Role.OPERATOR)
        accounts.set_role(session, one.id, Role.USER, "op")
        assert session.exec(select(AuditEvent)).one().action == "user.role"


def test_a_key_expires(store: Store) -> None:
    with store.write() as session:
        user = new(session)
        _, secret = people.create_key(session, user, "old", expires_at=1.0)
        assert people.authenticate_key(session, secret) is None


def test_the_same_provider_and_subject_is_the_same_person(store: Store) -> None:
    with store.write() as session:
        first = accounts.by_identity(session, "https://id.example", "7", "Ada")
        assert accounts.by_identity(session, "https://id.example", "7", "Other").id == first.id
        assert accounts.by_identity(session, "https://other.example", "7", "Ada").id != first.id


def test_a_quota_is_the_roles_unless_there_is_an_exception(store: Store) -> None:
    quotas = Quotas(Settings(quotas='{"user": {"requests": 2}, "guest": {"requests": 1}}'))
    with store.write() as session:
        user, guest = new(session), people.create_user(session, "Guest")
        assert (quotas.of(user).requests, quotas.of(guest).requests) == (2, 1)
        user.quota = {"requests": 9, "tokens": 0}
        assert quotas.of(user).requests == 9


def test_a_used_up_quota_says_when_the_next_day_begins(any_store: Store) -> None:
    quotas = Quotas(Settings(quotas='{"user": {"tokens": 100}}'))
    with any_store.write() as session:
        user = new(session)
        quota.count(session, user.id, requests=1, tokens=60)
        assert quotas.require(session, user).left.tokens == 40
        quota.count(session, user.id, tokens=60)
        with pytest.raises(QuotaExceeded, match=r"quota of 100 tokens") as raised:
            quotas.require(session, user)
    assert 0 < raised.value.wait <= quota.DAY


@pytest.mark.parametrize(
    "setting",
    ["[", "[]", '{"boss": {}}', '{"user": {"minutes": 1}}', '{"user": {"requests": -1}}'],
)
def test_a_wrong_setting_is_told(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTELAGE_QUOTAS", setting)
    with pytest.raises(Invalid, match="TUTELAGE_QUOTAS"):
        settings_for(None)
