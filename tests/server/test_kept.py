"""Counts over many rows are answered at once and renewed in the background."""

from chat_service import eventually

from server import kept
from server.kept import KeptCounts
from tutelage.chat import conversations
from tutelage.people import people
from tutelage.store import Store


def test_few_rows_are_counted_at_each_look(store: Store) -> None:
    counts, looks = KeptCounts(store), iter(range(9))
    assert [counts.get("key", lambda: next(looks)) for _ in range(3)] == [0, 1, 2]


def test_many_rows_are_counted_in_the_background(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(kept, "AGE", -1)
    with store.write() as session:
        user = people.create_user(session, "Ada")
        conversations.append(
            session, conversations.start(session, user.id, True), None, "user", "Hi"
        )
    counts, looks = KeptCounts(store, many=1), iter(range(10_000))
    assert counts.get("key", lambda: next(looks)) == 0
    assert eventually(lambda: counts.get("key", lambda: next(looks)) > 0)
    assert counts.get("other", lambda: "another") == "another"


def test_what_pages_show_first_is_counted_before_anybody_asks(store: Store) -> None:
    counts, looks = KeptCounts(store, many=0), iter(range(9))
    counts.warm({"key": lambda: next(looks)})
    assert eventually(lambda: "key" in counts._counts)
    assert counts.get("key", lambda: -1) == 0


def test_a_count_that_fails_keeps_the_last_one(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(kept, "AGE", 10**9)
    with store.write() as session:
        user = people.create_user(session, "Ada")
        conversations.append(
            session, conversations.start(session, user.id, True), None, "user", "Hi"
        )
    counts = KeptCounts(store, many=1)
    assert counts.get("key", lambda: 1) == 1
    assert counts.get("key", lambda: 1 / 0) == 1
