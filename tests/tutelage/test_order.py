"""What was said last stands, whatever the clocks of the processes do meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlmodel import col, select

from tutelage.chat import conversations
from tutelage.feedback import feedback
from tutelage.iterations import iterations, schedule
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.store import MIGRATIONS, Store
from tutelage.tables import Feedback, FeedbackKind, Message, Schedule, User
from tutelage.text.folding import fold

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture(params=[-DAY, -HOUR, HOUR, DAY], ids=["day back", "hour back", "hour on", "day on"])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Put the clock of this process back or forward."""
    now, now_ns = time.time, time.time_ns

    def put() -> None:
        monkeypatch.setattr(time, "time", lambda: now() + request.param)
        monkeypatch.setattr(time, "time_ns", lambda: now_ns() + int(request.param * 1e9))

    return put


@pytest.fixture
def ada(any_store: Store) -> User:
    with any_store.write() as session:
        return people.create_user(session, "ada")


def ask(store: Store, owner: User, text: str, chat_id: str | None = None) -> Message:
    """A prompt with a response, in a new conversation or at the end of one."""
    with store.write() as session:
        chat = (
            conversations.owned(session, chat_id, owner.id)
            if chat_id
            else conversations.start(session, owner.id, training=True)
        )
        tree = conversations.messages(session, chat.id)
        asked = conversations.append(session, chat, tree[-1].id if tree else None, "user", text)
        return conversations.append(session, chat, asked.id, "assistant", text.upper())


def judge(store: Store, author: User, response: Message, value: str) -> Feedback:
    with store.write() as session:
        return feedback.record(
            session, author.id, FeedbackKind.THUMBS, [response], {"value": value}, response.id
        )


def test_the_last_judgement_stands(any_store: Store, ada: User, step: Callable[[], None]) -> None:
    response = ask(any_store, ada, "hi")
    judge(any_store, ada, response, "up")
    step()
    last = judge(any_store, ada, response, "down")
    with any_store.read() as session:
        assert [row.id for row in feedback.of_author(session, ada.id)] == [last.id]


def test_a_withdrawn_judgement_does_not_bring_the_earlier_one_back(
    any_store: Store, ada: User, step: Callable[[], None]
) -> None:
    response = ask(any_store, ada, "hi")
    judge(any_store, ada, response, "up")
    step()
    last = judge(any_store, ada, response, "down")
    with any_store.write() as session:
        feedback.withdraw(session, ada.id, last.id)
        assert feedback.of_author(session, ada.id) == []


def test_a_branch_ends_with_what_was_said_last(
    any_store: Store, ada: User, step: Callable[[], None]
) -> None:
    first = ask(any_store, ada, "one")
    step()
    last = ask(any_store, ada, "two", first.conversation_id)
    with any_store.read() as session:
        tree = conversations.messages(session, first.conversation_id)
    assert tree[-1].id == last.id
    assert [m.content for m in tree] == ["one", "ONE", "two", "TWO"]


def test_the_conversation_used_last_is_listed_first(
    any_store: Store, ada: User, step: Callable[[], None]
) -> None:
    first, second = ask(any_store, ada, "one"), ask(any_store, ada, "two")
    step()
    third = ask(any_store, ada, "three")
    ask(any_store, ada, "again", first.conversation_id)
    expected = [each.conversation_id for each in (first, third, second)]
    with any_store.read() as session:
        assert [chat.id for chat in conversations.listed(session, ada.id)] == expected
        page = conversations.listed(session, ada.id, limit=1, after=expected[0])
    assert [chat.id for chat in page] == [expected[1]]


def test_the_schedule_set_last_is_in_force(any_store: Store, step: Callable[[], None]) -> None:
    for preset in ("quick", "standard"):
        with any_store.write() as session:
            schedule.set_schedule(session, Schedule(author_id="op", preset=preset))
        step()
    with any_store.read() as session:
        in_force = schedule.in_force(session)
    assert in_force and in_force.preset == "standard"


def test_judgements_are_counted_from_the_newest_iteration(
    any_store: Store, ada: User, step: Callable[[], None]
) -> None:
    response = ask(any_store, ada, "hi")
    judge(any_store, ada, response, "up")
    with any_store.write() as session:
        iterations.request(session, "smoke", "policy-0000", "once", "op")
    step()
    judge(any_store, ada, response, "down")
    with any_store.read() as session:
        assert schedule.feedback_since(session) == 1


def test_a_rollback_returns_to_the_policy_before(
    any_store: Store, step: Callable[[], None]
) -> None:
    for number in range(3):
        with any_store.write() as session:
            deployment.register(session, f"policy-000{number}", "0" * 64)
            deployment.promote(session, f"policy-000{number}", "op")
        step()
    with any_store.write() as session:
        assert deployment.rollback(session, "op").id == "policy-0001"


def upgrade(connection: sqlalchemy.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_stored_words_are_found_by_plain_quotation_marks(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'old.db'}")
    with store.engine.begin() as connection:
        upgrade(connection, "0016")
        insert = (
            "INSERT INTO user (id, name, role, training, created_at, seq, folded) "
            "VALUES ('user_a', 'O\u2019Neil\u2013Fox', 'user', 0, 0, 1, 'o\u2019neil\u2013fox')"
        )
        connection.execute(sqlalchemy.text(insert))
    store.migrate()
    with store.read() as session:
        assert (
            session.get_one(User, "user_a").folded == fold("O\u2019Neil\u2013Fox") == "o'neil-fox"
        )
    store.close()


def test_stored_rows_get_places_by_their_times(tmp_path: Path) -> None:
    """The migration: what was written before keeps its order, and new rows come after it."""
    store = Store(f"sqlite:///{tmp_path / 'old.db'}")
    with store.engine.begin() as connection:
        upgrade(connection, "0010")
        insert = (
            "INSERT INTO user (id, name, role, training, created_at) "
            "VALUES (:id, 'x', 'user', 0, :at)"
        )
        for name, at in (("user_b", 1.0), ("user_a", 3.0), ("user_c", 2.0)):
            connection.execute(sqlalchemy.text(insert), {"id": name, "at": at})
    store.migrate()
    with store.write() as session:
        new = people.create_user(session, "new")
    with store.read() as session:
        ordered = [user.id for user in session.exec(select(User).order_by(col(User.seq)))]
    assert ordered == ["user_b", "user_c", "user_a", new.id]
    store.close()
