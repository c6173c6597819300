"""Feedback is append-only; what stands follows from the rows."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from tutelage.chat import conversations
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import Feedback, FeedbackKind, Message, Report, User


@pytest.fixture
def ada(any_store: Store) -> User:
    with any_store.write() as session:
        return people.create_user(session, "ada")


@pytest.fixture
def answer(any_store: Store, ada: User) -> Message:
    with any_store.write() as session:
        chat = conversations.start(session, ada.id, training=True)
        asked = conversations.append(session, chat, None, "user", "hi")
        return conversations.append(
            session, chat, asked.id, "assistant", "hello", choice=0, completion_id="chatcmpl-1"
        )


def thumb(store: Store, ada: User, answer: Message, value: str, key: str | None = None) -> Feedback:
    with store.write() as session:
        return feedback.record(
            session,
            ada.id,
            FeedbackKind.THUMBS,
            [answer],
            {"value": value},
            answer.id,
            idempotency_key=key,
        )


def standing(store: Store, ada: User) -> list[str]:
    with store.read() as session:
        return [row.value["value"] for row in feedback.of_author(session, ada.id)]


def test_a_second_thumb_supersedes_the_first(any_store: Store, ada: User, answer: Message) -> None:
    thumb(any_store, ada, answer, "up")
    thumb(any_store, ada, answer, "down")
    assert standing(any_store, ada) == ["down"]
    with any_store.read() as session:
        assert len(session.exec(select(Feedback)).all()) == 2


def test_a_withdrawal_takes_it_back(any_store: Store, ada: User, answer: Message) -> None:
    row = thumb(any_store, ada, answer, "up")
    with any_store.write() as session:
        feedback.withdraw(session, ada.id, row.id)
    assert standing(any_store, ada) == []


def test_nobody_withdraws_anothers(any_store: Store, ada: User, answer: Message) -> None:
    row = thumb(any_store, ada, answer, "up")
    with any_store.write() as session, pytest.raises(NotFound):
        feedback.withdraw(session, "user_eve", row.id)


def test_an_idempotency_key_keeps_one_row(any_store: Store, ada: User, answer: Message) -> None:
    first = thumb(any_store, ada, answer, "up", key="k")
    assert thumb(any_store, ada, answer, "up", key="k").id == first.id
    with pytest.raises(Conflict):
        thumb(any_store, ada, answer, "down", key="k")


def test_a_report_is_opened_for_triage(any_store: Store, ada: User, answer: Message) -> None:
    with any_store.write() as session:
        value = {"category": "hate", "comment": "look"}
        feedback.record(session, ada.id, FeedbackKind.REPORT, [answer], value, answer.id)
    with any_store.read() as session:
        report = session.exec(select(Report)).one()
    assert (report.message_id, report.category, report.state) == (answer.id, "hate", "open")


def test_anothers_answer_cannot_be_judged(any_store: Store, answer: Message) -> None:
    with any_store.read() as session, pytest.raises(NotFound):
        feedback.visible_response(session, "user_eve", answer.id, "message_id")


@pytest.mark.parametrize("ranking", [[[0], [0, 1]], [[0]], [[]], [[0], [], [1]], [[0], [7]]])
def test_a_bad_ranking_names_the_field(ranking: list[list[int]]) -> None:
    with pytest.raises(Invalid) as raised:
        feedback.check_ranking(ranking, range(3))
    assert raised.value.field == "ranking"


KINDS = [FeedbackKind.THUMBS, FeedbackKind.EDIT, FeedbackKind.WITHDRAWAL]
acts = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(KINDS), st.integers(0, 2)), max_size=25
)


@given(acts)
def test_what_stands_is_the_last_word_unless_withdrawn(
    acts: list[tuple[str, FeedbackKind, int]],
) -> None:
    rows: list[Feedback] = []
    for (author, kind, target), number in zip(acts, itertools.count()):
        name = f"fb_{target:04d}" if kind == FeedbackKind.WITHDRAWAL else f"msg_{target}"
        rows.append(
            Feedback(
                id=f"fb_{number:04d}",
                seq=number,
                kind=kind,
                author_id=author,
                conversation_id="c",
                target=name,
                value={},
            )
        )
    kept = feedback.effective(reversed(rows))
    withdrawn = {row.target for row in rows if row.kind == FeedbackKind.WITHDRAWAL}
    keys = [(row.author_id, row.kind, row.target) for row in kept]
    assert len(set(keys)) == len(keys)
    assert kept == sorted(kept, key=lambda row: row.id)
    for row in kept:
        assert row.kind != FeedbackKind.WITHDRAWAL and row.id not in withdrawn
        same = [
            r
            for r in rows
            if (r.author_id, r.kind, r.target) == (row.author_id, row.kind, row.target)
        ]
        assert same[-1] is row


def test_the_database_counts_what_stands(any_store: Store, ada: User, answer: Message) -> None:
    for value in ("up", "down", "up"):
        last = thumb(any_store, ada, answer, value)
    with any_store.write() as session:
        bob = people.create_user(session, "bob")
        taken_back = feedback.record(
            session, bob.id, FeedbackKind.THUMBS, [answer], {"value": "up"}, answer.id
        )
        feedback.withdraw(session, bob.id, taken_back.id)
        text = {"text": "Better."}
        feedback.record(session, ada.id, FeedbackKind.EDIT, [answer], text, answer.id)
        assert feedback.standing_by_kind(session) == {"thumbs": 1, "edit": 1}
        feedback.withdraw(session, ada.id, last.id)
        assert feedback.standing_by_kind(session) == {"edit": 1}
        assert len(feedback.effective(session.exec(select(Feedback)))) == 1
