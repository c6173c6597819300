"""The store keeps its promises on SQLite and on PostgreSQL."""

import secrets
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel, select

from tutelage.chat import conversations
from tutelage.people import people
from tutelage.store import Store, StoreError
from tutelage.tables import Conversation, Feedback, Message, Role, User


def test_migrations_give_exactly_the_tables(any_store: Store) -> None:
    with any_store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_twice_changes_nothing(any_store: Store) -> None:
    any_store.migrate()


def test_an_error_in_a_write_keeps_nothing(any_store: Store) -> None:
    with pytest.raises(RuntimeError), any_store.write() as session:
        people.create_user(session, "ada")
        raise RuntimeError
    with any_store.read() as session:
        assert session.exec(select(User)).all() == []


def test_rows_stay_usable_after_the_session(any_store: Store) -> None:
    with any_store.write() as session:
        user = people.create_user(session, "ada", Role.OPERATOR)
    assert (user.name, user.role) == ("ada", Role.OPERATOR)


def test_erasing_a_conversation_takes_what_hangs_on_it(any_store: Store) -> None:
    with any_store.write() as session:
        user = people.create_user(session, "ada")
        chat = conversations.start(session, user.id, training=True)
        asked = conversations.append(session, chat, None, "user", "hi")
        answer = conversations.append(session, chat, asked.id, "assistant", "hello")
        session.add(
            Feedback(
                kind="thumbs",
                author_id=user.id,
                conversation_id=chat.id,
                target=answer.id,
                value={"value": "up"},
            )
        )
    with any_store.write() as session:
        conversations.erase(session, conversations.owned(session, chat.id, user.id), user.id)
    with any_store.read() as session:
        for table in (Conversation, Message, Feedback):
            assert session.exec(select(table)).all() == []


def test_foreign_keys_are_enforced(any_store: Store) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError), any_store.write() as session:
        session.add(Message(conversation_id="conv_none", role="user", content="hi"))


def test_writers_wait_for_each_other(any_store: Store) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            with any_store.write() as session:
                people.create_user(session, "ada")

    threads = [threading.Thread(target=add, args=(10,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_store.read() as session:
        assert len(session.exec(select(User)).all()) == 60


def test_sqlite_keeps_a_log_that_we_flush_and_checks_keys(store: Store) -> None:
    with store.engine.connect() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 1, 1]


def test_an_unreachable_database_says_what_to_do() -> None:
    with pytest.raises(StoreError, match="TUTELAGE_DATABASE_URL"):
        Store("postgresql://nobody@127.0.0.1:1/none").migrate()


def test_a_newer_database_is_one_sentence_and_untouched(any_store: Store) -> None:
    with any_store.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(StoreError, match="newer tutelage"):
        any_store.migrate()


def test_replicas_that_start_at_once_migrate_once(postgres: str) -> None:
    server = Store(postgres)
    name = f"test_{secrets.token_hex(6)}"
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    url = server.engine.url.set(database=name).render_as_string(hide_password=False)
    stores = [Store(url) for _ in range(3)]
    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(Store.migrate, stores))
    for store in (*stores, server):
        store.close()


def test_a_statement_that_hangs_ends(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.store.HANGING_SECONDS", 0.5)
    store = Store(postgres)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="answer"), store.read() as session:
        session.execute(sqlalchemy.text("SELECT pg_sleep(20)"))
    assert store.answers(10)
    store.close()


def test_a_look_that_takes_too_long_is_no_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ask", lambda: time.sleep(0.5) or True)
    assert not store.answers(0.05)
    assert store.answers(5)


WRITER = """
import sys
from tutelage.people import people
from tutelage.store import Store
store = Store(sys.argv[1])
for number in range(100_000):
    with store.write() as session:
        people.create_user(session, str(number))
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(store: Store, tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout.read().split()]
    writer.wait()
    with store.read() as session:
        kept = {int(user.name) for user in session.exec(select(User))}
    assert set(acknowledged) <= kept
