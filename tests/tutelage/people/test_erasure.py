"""Erasure: everything of a person goes, whatever its shape, and others can write meanwhile."""

import itertools
from pathlib import Path

import pytest
from sqlmodel import Session, select

from tutelage.chat import conversations
from tutelage.errors import Forbidden, NotFound
from tutelage.feedback import feedback
from tutelage.people import accounts, erasure, people
from tutelage.store import Store
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message, User

DEEP = 2500  # messages, each the answer to the one before


@pytest.fixture
def ada(any_store: Store) -> User:
    with any_store.write() as session:
        return people.create_user(session, "ada")


def deep_chat(session: Session, owner: User, depth: int) -> Conversation:
    chat = conversations.start(session, owner.id, training=False)
    rows = [Message(conversation_id=chat.id, role="user", content="x") for _ in range(depth)]
    for parent, row in itertools.pairwise(rows):
        row.parent_id = parent.id
    for row in rows:
        session.add(row)
    session.flush()
    return chat


def left(store: Store) -> list[object]:
    with store.read() as session:
        return [
            row
            for table in (Conversation, Message, Feedback)
            for row in session.exec(select(table))
        ]


def test_a_deep_conversation_goes(any_store: Store, ada: User, tmp_path: Path) -> None:
    with any_store.write() as session:
        chat = deep_chat(session, ada, DEEP)
    erasure.erase_conversation(any_store, tmp_path, chat.id, ada.id, ada.id)
    assert left(any_store) == []


def test_anothers_conversation_stays(any_store: Store, ada: User, tmp_path: Path) -> None:
    with any_store.write() as session:
        chat = deep_chat(session, ada, 2)
    with pytest.raises(NotFound):
        erasure.erase_conversation(any_store, tmp_path, chat.id, "user_other", "user_other")
    assert len(left(any_store)) == 3


def test_a_person_goes_in_small_steps(any_store: Store, ada: User, tmp_path: Path) -> None:
    with any_store.write() as session:
        for _ in range(2 * erasure.CHATS_AT_ONCE + 1):
            deep_chat(session, ada, 3)
    erasure.erase_user(any_store, tmp_path, ada.id)
    assert left(any_store) == []
    with any_store.read() as session:
        assert session.get(User, ada.id) is None


def test_an_interrupted_erasure_is_ended(
    any_store: Store, ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with any_store.write() as session:
        chat = deep_chat(session, ada, 2)
        other = people.create_user(session, "bob")
        said = deep_chat(session, other, 2)
        answer = conversations.messages(session, said.id)[-1]
        feedback.record(session, ada.id, FeedbackKind.THUMBS, [answer], {"value": "up"}, answer.id)
        secret = people.create_session(session, ada)
    with monkeypatch.context() as crash:
        crash.setattr(erasure, "_delete_user", lambda *_: None)
        erasure.erase_user(any_store, tmp_path, ada.id)
    with any_store.read() as session:
        assert people.authenticate_session(session, secret) is None
        with pytest.raises(Forbidden):
            accounts.require_enabled(accounts.get(session, ada.id))
    erasure.finish(any_store)
    with any_store.read() as session:
        assert session.get(User, ada.id) is None and session.get(Conversation, chat.id) is None
        assert session.exec(select(Feedback)).all() == []
        assert len(conversations.messages(session, said.id)) == 2
