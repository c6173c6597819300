"""What people do with responses: which signals there are, and what they are worth."""

import random
from collections.abc import Sequence

import pytest
from sqlmodel import Session

from tutelage.chat import conversations
from tutelage.feedback import feedback, preference_data, signals
from tutelage.feedback.signals import ChatSignals, Signal, SignalAgreement
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import FeedbackKind, Message, User


@pytest.fixture
def ada(any_store: Store) -> User:
    with any_store.write() as session:
        return people.create_user(session, "ada")


def alike(pairs: Sequence[tuple[str, str]]) -> list[bool]:
    return [first.casefold() == second.casefold() for first, second in pairs]


def read(store: Store) -> list[ChatSignals]:
    with store.read() as session:
        return list(signals.of_chats(preference_data.read(session), alike))


class Chat:
    """Writes a chat of one person."""

    def __init__(self, session: Session, owner: User) -> None:
        self._session, self._owner = session, owner
        self.row = conversations.start(session, owner.id, training=True)

    def asks(self, text: str, after: Message | None = None) -> Message:
        parent = after.id if after else None
        return conversations.append(self._session, self.row, parent, "user", text)

    def answers(self, prompt: Message, **response: object) -> Message:
        name = f"chatcmpl-{random.random()}"
        return conversations.append(
            self._session, self.row, prompt.id, "assistant", f"to {prompt.content}",
            **{"completion_id": name, "finish_reason": "stop", "policy_id": "p"} | response,
        )  # fmt: skip

    def judges(self, response: Message, value: str) -> None:
        feedback.record(
            self._session, self._owner.id, FeedbackKind.THUMBS, [response], {"value": value},
            response.id,
        )  # fmt: skip


def test_what_a_person_does_is_read_off_the_tree(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = Chat(session, ada)
        prompt = chat.asks("Name a tree")
        first = chat.answers(prompt, copied_at=1.0)
        second = chat.answers(prompt, finish_reason="cancelled")
        chat.answers(chat.asks("name a TREE", second))
        edited = chat.answers(chat.asks("And a bird", first))
        chat.answers(chat.asks("And a fish", first))
        chat.judges(second, "down")
        ids = {"first": first.id, "second": second.id, "edited": edited.id}
    [found] = read(any_store)
    names = {value: key for key, value in ids.items()}
    assert {signal: {names[each] for each in having} for signal, having in found.given.items()} == {
        Signal.COPIED: {"first"}, Signal.REGENERATED: {"first"}, Signal.STOPPED: {"second"},
        Signal.REPHRASED: {"second"}, Signal.EDITED: {"edited"},
    }  # fmt: skip


def test_a_response_that_was_continued_is_not_regenerated(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        chat = Chat(session, ada)
        prompt = chat.asks("Name a tree")
        chat.answers(prompt)
        chat.answers(prompt, sampling={"continued": 7})
    [found] = read(any_store)
    assert not found.given[Signal.REGENERATED]


def test_signals_are_compared_with_thumbs_and_rankings_of_the_owner(
    any_store: Store, ada: User
) -> None:
    with any_store.write() as session:
        chat = Chat(session, ada)
        good, bad = (chat.answers(chat.asks(text)) for text in ("One", "Two"))
        copied = chat.answers(chat.asks("Three"), copied_at=1.0)
        chat.judges(good, "up")
        chat.judges(bad, "down")
        chat.judges(copied, "up")
    [found] = read(any_store)
    assert found.counts() == {
        Signal.COPIED: (1, 1),  # liked, as against the one disliked; of two liked nothing is known
        Signal.EDITED: (1, 1),  # the last prompt alone was not written anew
    }
    assert found.counts(lambda opening: opening != "Two") == {}


def test_only_what_nobody_judged_is_implied(any_store: Store, ada: User) -> None:
    with any_store.write() as session:
        judged, open_ = Chat(session, ada), Chat(session, ada)
        for chat in (judged, open_):
            prompt = chat.asks("Name a tree")
            worse, better = chat.answers(prompt), chat.answers(prompt, copied_at=1.0)
            if chat is judged:
                chat.judges(better, "up")
                chat.judges(worse, "down")
    [implied] = [row for chat in read(any_store) for row in chat.implied(Signal.COPIED)]
    assert (implied.conversation_id, implied.author_id) == (open_.row.id, ada.id)
    assert implied.ranks == [0, 1] and implied.comparisons == 1


def agreement(reliability: float, chats: int, seed: int = 0) -> SignalAgreement:
    """Of a signal that is right so often, on three pairs of each chat."""
    draw = random.Random(seed)
    right = [sum(draw.random() < reliability for _ in range(3)) for _ in range(chats)]
    [found] = signals.agreements([{Signal.COPIED: (same, 3)} for same in right])
    return found


def test_a_signal_that_says_what_people_say_gets_the_weight_of_its_reliability() -> None:
    found = agreement(0.8, 60)
    assert found.low < 0.8 < found.high
    assert found.weight == pytest.approx(2 * found.share - 1) and 0.4 < found.weight < 0.8


def test_a_signal_without_meaning_is_hardly_ever_used() -> None:
    assert sum(agreement(0.5, 60, seed).weight > 0 for seed in range(60)) <= 2
    assert agreement(0.2, 60).weight == 0  # nor is one that says the opposite


def test_few_comparisons_are_never_enough() -> None:
    assert agreement(1.0, 9).weight == 0
    assert agreement(1.0, 10).weight == 1
    assert signals.agreements([]) == []
