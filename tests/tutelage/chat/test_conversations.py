"""Conversations are trees that only their owner sees."""

import pytest

from tutelage.chat import conversations
from tutelage.errors import Invalid, NotFound
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import Conversation, Purpose, User


@pytest.fixture
def ada(any_store: Store) -> User:
    with any_store.write() as session:
        return people.create_user(session, "ada")


def test_a_path_follows_one_branch(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, training=False)
        root = conversations.append(session, chat, None, "user", "one")
        left = conversations.append(session, chat, root.id, "assistant", "left")
        conversations.append(session, chat, root.id, "assistant", "right")
        leaf = conversations.append(session, chat, left.id, "user", "two")
        tree = conversations.messages(session, chat.id)
        path = conversations.path_to(tree, leaf.id)
    assert [message.content for message in path] == ["one", "left", "two"]


def test_the_first_question_is_the_title(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, training=False)
        conversations.append(session, chat, None, "user", "word " * 40)
        assert len(chat.title) <= conversations.TITLE_CHARS
        assert chat.title.endswith("…")


def test_another_persons_conversation_is_not_found(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, training=False)
        with pytest.raises(NotFound):
            conversations.owned(session, chat.id, "user_other")


def test_pages_follow_each_other_without_gap(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        made = [conversations.start(session, ada.id, False, str(n)).id for n in range(7)]
        seen: list[str] = []
        while page := conversations.listed(session, ada.id, 3, seen[-1] if seen else None):
            seen += [chat.id for chat in page]
    assert seen == made[::-1]


def test_pinned_conversations_come_first_across_pages(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        made = [conversations.start(session, ada.id, False, str(n)) for n in range(5)]
        conversations.update(session, made[1], pinned=True)
        session.flush()
        first = conversations.listed(session, ada.id, 2)
        rest = conversations.listed(session, ada.id, 5, first[-1].id)
    assert [chat.title for chat in first + rest] == ["1", "4", "3", "2", "0"]


def test_search_finds_words_of_messages(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, False, "Lunch")
        conversations.append(session, chat, None, "user", "Is Quinoa a grain?")
        conversations.start(session, ada.id, False, "Dinner")
        found = conversations.listed(session, ada.id, query="quinoa")
        passages = conversations.passages(session, found, "quinoa")
    assert [row.title for row in found] == ["Lunch"]
    assert passages == {chat.id: "Is Quinoa a grain?"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("über", 1),
        ("ærø", 1),
        ("σίσυφος", 1),
        ("caf\u00e9", 1),
        ("100%", 1),
        ("a_b", 0),
        ("100", 1),
    ],
)
def test_search_is_the_same_on_every_database(
    any_store: Store, ada: User, query: str, count: int
) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, False, "Über Ærø und ΣΊΣΥΦΟΣ")
        conversations.append(session, chat, None, "user", "The Cafe\u0301 is 100% axb")
        other = people.create_user(session, "bob")
        conversations.start(session, other.id, False, "Über Ærø ΣΊΣΥΦΟΣ 100% café")
        assert len(conversations.listed(session, ada.id, query=query)) == count


def test_a_new_title_is_found_and_the_old_one_is_not(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, False, "Lunch")
    with any_store.write() as session:
        chat = conversations.owned(session, chat.id, ada.id)
        conversations.update(session, chat, title="Dîner")
    with any_store.read() as session:
        assert conversations.listed(session, ada.id, query="lunch") == []
        assert len(conversations.listed(session, ada.id, query="diner")) == 1


def test_a_copy_for_labelers_follows_its_origin(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, training=True)
        copy = conversations.start(session, ada.id, training=True)
        copy.purpose, copy.origin_id = Purpose.LABELING, chat.id
        session.add(copy)
        assert conversations.listed(session, ada.id) == [chat]
        conversations.update(session, chat, training=False)
        assert copy.training is False
        conversations.erase(session, chat, "test")
        session.flush()
        assert session.get(Conversation, copy.id) is None


def test_search_takes_wildcards_literally(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        for title in ("100% sure", "1000 ways"):
            conversations.start(session, ada.id, False, title)
        found = conversations.listed(session, ada.id, query="100%")
    assert [chat.title for chat in found] == ["100% sure"]


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
def test_a_bad_title_names_the_field(any_store: Store, ada: User, title: str) -> None:
    with any_store.write() as session, pytest.raises(Invalid) as raised:
        conversations.update(session, conversations.start(session, ada.id, False), title=title)
    assert raised.value.field == "title"
