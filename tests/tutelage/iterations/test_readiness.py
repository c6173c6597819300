"""Readiness counts what may be learned from and says exactly what is missing."""

import pytest

from tutelage.chat import conversations
from tutelage.feedback import feedback, preference_data
from tutelage.feedback.preference_data import learnable, read
from tutelage.iterations import readiness as readiness_of
from tutelage.iterations.readiness import NEEDS, NOTHING_CONSENTED, Need, readiness
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import Feedback, FeedbackKind


def judged_conversation(
    store: Store, first_user_message: str, training: bool = True
) -> tuple[str, Feedback]:
    """A conversation with four ranked answers: six comparisons. Its id and the ranking."""
    with store.write() as session:
        user = people.create_user(session, "ada")
        conversation = conversations.start(session, user.id, training)
        prompt = conversations.append(session, conversation, None, "user", first_user_message)
        answers = [
            conversations.append(
                session, conversation, prompt.id, "assistant", f"answer {choice}",
                completion_id=f"chatcmpl-{first_user_message}", choice=choice,
            )
            for choice in range(4)
        ]  # fmt: skip
        value = {"ranking": [[answer.id] for answer in answers]}
        row = feedback.record(
            session, user.id, FeedbackKind.RANKING, answers, value, f"chatcmpl-{first_user_message}"
        )
        return conversation.id, row


def test_nothing_consented_is_said_plainly(any_store: Store) -> None:
    judged_conversation(any_store, "hello", training=False)
    with any_store.read() as session:
        assert readiness(session)["quick"] == {"ready": False, "missing": [NOTHING_CONSENTED]}


def test_it_says_how_many_comparisons_are_there_and_how_many_are_needed(any_store: Store) -> None:
    judged_conversation(any_store, "hello")
    with any_store.read() as session:
        missing = readiness(session)["quick"]["missing"]
    assert missing[0].startswith("6 of 60 comparisons")
    assert missing[1] == "1 of 15 distinct first prompts covered."


def test_enough_is_ready(any_store: Store) -> None:
    for number in range(NEEDS["smoke"].first_user_messages):
        judged_conversation(any_store, f"hello {number}")
    with any_store.read() as session:
        assert readiness(session)["smoke"] == {"ready": True, "missing": []}


def test_withdrawn_feedback_does_not_count(any_store: Store) -> None:
    _, row = judged_conversation(any_store, "hello")
    with any_store.write() as session:
        feedback.withdraw(session, row.author_id, row.id)
        assert readiness(session)["quick"]["missing"][0].startswith("0 of 60")


def test_an_erased_conversation_teaches_nothing(any_store: Store) -> None:
    conversation_id, row = judged_conversation(any_store, "hello")
    judged_conversation(any_store, "goodbye")
    with any_store.write() as session:
        conversation = conversations.owned(session, conversation_id, row.author_id)
        conversations.erase(session, conversation, "ada")
    with any_store.read() as session:
        assert [judgement.first_user_message for judgement in learnable(read(session))] == [
            "goodbye"
        ]


def test_no_more_is_read_than_is_needed(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        judged_conversation(any_store, f"hello {number}")
    monkeypatch.setattr(preference_data, "CHATS_AT_ONCE", 1)
    monkeypatch.setattr(readiness_of, "NEEDS", {"smoke": Need(12, 2)})
    reads: list[object] = []
    wanted = preference_data._read
    monkeypatch.setattr(
        preference_data, "_read", lambda *given: (reads.append(given), wanted(*given))[1]
    )
    with any_store.read() as session:
        assert readiness(session) == {"smoke": {"ready": True, "missing": []}}
    assert len(reads) == 2
